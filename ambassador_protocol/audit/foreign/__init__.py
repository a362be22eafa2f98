"""Audit events in the formats of other gateways: one file a format, named as the word in options."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

Event = Mapping[str, Any]
"""An event with the members that it has in the admin API."""

Converter = Callable[[Event], dict[str, Any]]

FORMATS: Final = ("original", "secure_gateway")


def converter(name: str) -> Converter:
    """Return the function that converts an event to this format."""
    found: Converter = importlib.import_module(f"{__name__}.{name}").convert
    return found
