"""How an answer is shown: lines for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Format(StrEnum):
    """The formats of `-o`."""

    TABLE = "table"
    JSON = "json"


def show(view: Mapping[str, Any], output: Format | None) -> None:
    """Write the view to standard output; people get a table, in colour on a terminal."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(view, indent=2) + "\n")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    for name, value in view.items():
        table.add_row(name.replace("_", " "), Text(_in_words(value), overflow="fold"))
    console = Console()
    # Into a pipe or file every row is one line, however long.
    console.print(table, soft_wrap=not console.is_terminal)


def _in_words(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value))
        case {"message": message}:
            return str(message)
        case _:
            return str(value)
