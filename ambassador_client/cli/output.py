"""How an answer is shown: lines for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class Format(StrEnum):
    """The formats of `-o`."""

    TABLE = "table"
    JSON = "json"


def show(view: Mapping[str, Any], output: Format | None) -> None:
    """Write the view to standard output; people get one line for each member."""
    if output is Format.JSON:
        sys.stdout.write(json.dumps(view, indent=2) + "\n")
        return
    width = max(map(len, view)) + 2
    for name, value in view.items():
        sys.stdout.write(f"{name.replace('_', ' '):<{width}}{_in_words(value)}\n")


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
