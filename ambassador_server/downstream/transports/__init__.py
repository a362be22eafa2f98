"""Transports by their word in the catalog: the file name is the word, and nothing outside this folder loads."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from ambassador_server.downstream.transport import Hooks, Transport, TransportModule
from ambassador_server.errors import InvalidInputError


@cache
def known_transports() -> tuple[str, ...]:
    """Return every transport word, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def check_options(word: str, options: Mapping[str, Any]) -> None:
    """Raise InvalidInputError for an unknown word or options that make no sense; touches nothing."""
    _load(word).check(options)


def build_transport(word: str, options: Mapping[str, Any], hooks: Hooks) -> Transport:
    """Return an unopened transport; raises InvalidInputError for an unknown word or a wrong option."""
    return _load(word).build(options, hooks)


def _load(word: str) -> TransportModule:
    if word not in known_transports():
        raise InvalidInputError(f"Unknown transport {word!r}; known: {', '.join(known_transports())}.")
    return cast(TransportModule, importlib.import_module(f"{__name__}.{word}"))
