"""The formats of `audit export`: one file of this folder per value of `--format`.

`docs/audit-export.md` documents how each field is mapped.
"""

import importlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from ambassador_admin.output.view import Item


class ExportFormat(StrEnum):
    """The values of `--format`."""

    JSONL = "jsonl"
    CSV = "csv"
    CEF = "cef"
    OCSF = "ocsf"
    ORIGINAL = "original"
    SECURE_GATEWAY = "secure_gateway"


class Layout(Protocol):
    """An export format with one line per event."""

    def header(self) -> Sequence[str]:
        """Return the lines at the beginning of a new file."""
        ...

    def line(self, event: Item) -> str:
        """Return an event as one line, without the line end."""
        ...


def layout(name: ExportFormat) -> Layout:
    """Return the layout of a format."""
    found: Layout = importlib.import_module(f"{__name__}.{name}").LAYOUT
    return found
