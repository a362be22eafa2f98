"""The formats in which other systems take audit events; one file of this folder per format, named as `--format` says.

What each field becomes is documented in `docs/audit-export.md`.
"""

import importlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from ambassador_admin.output.view import Item


class ExportFormat(StrEnum):
    """What `--format` takes."""

    JSONL = "jsonl"
    CSV = "csv"
    CEF = "cef"
    OCSF = "ocsf"


class Layout(Protocol):
    """One format, a line per event."""

    def header(self) -> Sequence[str]:
        """Return the lines that a new file begins with."""
        ...

    def line(self, event: Item) -> str:
        """Return the line of an event, without the line end."""
        ...


def layout(name: ExportFormat) -> Layout:
    """Return the layout of a format."""
    found: Layout = importlib.import_module(f"{__name__}.{name}").LAYOUT
    return found
