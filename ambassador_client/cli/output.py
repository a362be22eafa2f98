"""Writes results to standard output: text for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from ambassador_client.errors import one_line


class Format(StrEnum):
    """The formats of `-o`."""

    TABLE = "table"
    JSON = "json"


def show(view: Mapping[str, Any], output: Format | None) -> None:
    """Write the members to standard output, one line each, or as a JSON object."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(view, indent=2) + "\n")
        return
    width = max(map(len, view)) + 2
    for name, value in view.items():
        sys.stdout.write(f"{name.replace('_', ' '):<{width}}{_format_value(value)}\n")


def show_rows(rows: Sequence[Mapping[str, Any]], output: Format | None) -> None:
    """Write the rows to standard output as a table or JSON array; the first row names the columns."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    cells = [[name.upper() for name in rows[0]]] if rows else []
    cells += [[one_line(_format_value(value)) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _format_value(value: object) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case {"message": message}:
            return str(message)
        case _:
            return str(value)
