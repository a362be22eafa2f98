"""Writes results to standard output: tables for people, JSON, YAML, JSON lines and CSV for programs.

The formats and the headings are those of `ambassador-admin`.
"""

import csv
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from ambassador_client.errors import one_line

_GAP = "  "
_MIN_WIDTH = 8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """The formats of `-o`."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    JSONL = "jsonl"
    CSV = "csv"
    NAME = "name"


def is_for_programs(output: Format | None) -> bool:
    """Tell whether the format is one for programs, which get every member under its own name."""
    return output not in (None, Format.TABLE, Format.WIDE, Format.NAME)


def show(view: Mapping[str, Any], output: Format | None) -> None:
    """Write the members to standard output, one line each, or as one object."""
    if is_for_programs(output):
        _write_document(view, [view], output)
        return
    if output is Format.NAME:
        show_rows([view], output)
        return
    _write_cells([_title(name) for name in view], [[_format_value(value) for value in view.values()]])


def show_rows(rows: Sequence[Mapping[str, Any]], output: Format | None) -> None:
    """Write the rows to standard output as a table or a list; the first row names the columns.

    At a terminal a table is cut to its width, except the first column; `wide` is never cut. Where that is still too
    wide, each cell has a line. `name` is the first column alone, without its title.
    """
    if is_for_programs(output):
        _write_document(rows, rows, output)
        return
    if not rows:
        return
    titles = [_title(name) for name in rows[0]]
    cells = [[one_line(_format_value(value)) for value in row.values()] for row in rows]
    if output is Format.NAME:
        sys.stdout.writelines(f"{row[0]}\n" for row in cells)
        return
    widths = [max(map(_cells, column)) for column in zip(titles, *cells, strict=True)]
    if sys.stdout.isatty():
        terminal = shutil.get_terminal_size().columns
        if output is not Format.WIDE:
            _narrow(widths, terminal)
        if _total(widths) > terminal:
            _write_cells(titles, cells)
            return
    sys.stdout.write(_heading(_line(titles, widths)) + "\n")
    for row in cells:
        sys.stdout.write(_line(row, widths) + "\n")


def _write_cells(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a line for each cell of a row, with its title, and an empty line between rows."""
    width = max(map(len, titles))
    for number, row in enumerate(rows):
        sys.stdout.write("\n" if number else "")
        for title, cell in zip(titles, row, strict=True):
            sys.stdout.write(f"{_heading(title.ljust(width))}{_GAP}{cell}\n")


def _title(name: str) -> str:
    return name.replace("_", " ").upper()


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _write_document(value: Any, rows: Sequence[Mapping[str, Any]], output: Format | None) -> None:
    match output:
        case Format.YAML:
            import yaml

            sys.stdout.write(yaml.safe_dump(_plain(value), sort_keys=False, width=100))
        case Format.JSONL:
            sys.stdout.writelines(json.dumps(row) + "\n" for row in rows)
        case Format.CSV:
            lines = csv.writer(sys.stdout, lineterminator="\n")
            lines.writerows(list(row) for row in rows[:1])
            lines.writerows([_csv_cell(value) for value in row.values()] for row in rows)
        case _:
            sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _plain(value: Any) -> Any:
    """Return the value in the types of JSON, which are all that YAML is written from."""
    return json.loads(json.dumps(value))


def _csv_cell(value: Any) -> Any:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    # A spreadsheet runs such a text as a formula.
    return _without_controls(f"'{text}" if text.startswith(_FORMULA) else text)


def _without_controls(text: str) -> str:
    """Return the text without control characters."""
    return "".join(char if char.isprintable() else " " for char in text)


def _heading(text: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return text
    return f"\x1b[1m{text}\x1b[0m"


def _narrow(widths: list[int], terminal: int) -> None:
    """Take what is beyond the width of the terminal from the widest columns after the first."""
    while len(widths) > 1 and _total(widths) > terminal:
        widest = max(range(1, len(widths)), key=widths.__getitem__)
        if widths[widest] <= _MIN_WIDTH:
            return
        widths[widest] -= 1


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for cell, width in zip(cells, widths, strict=True):
        cut = cell
        while _cells(cut) > width:
            cut = cut[:-2].rstrip() + "…"
        parts.append(cut + " " * (width - _cells(cut)))
    return _GAP.join(parts).rstrip()


def _cells(text: str) -> int:
    """Return how many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


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
