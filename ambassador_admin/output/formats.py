"""The output formats, and their JSON, YAML and CSV encoders."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from ambassador_admin.output.text import is_encodable, json_printable, printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """The values of `-o`."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    JSONL = "jsonl"
    CSV = "csv"
    NAME = "name"


def json_document(value: Any) -> str:
    """Return indented JSON; control characters are escaped, letters of all scripts are not."""
    return json_printable(json.dumps(value, ensure_ascii=False, indent=2))


def json_line(value: Any) -> str:
    """Return one line of JSON."""
    return json_printable(json.dumps(value, ensure_ascii=False))


def yaml_document(value: Any, encoding: str | None = None) -> str:
    """Return block-style YAML in the order given; characters that the encoding lacks are escaped."""
    import yaml  # noqa: PLC0415 - slow to import, and only needed for YAML

    value = json.loads(json.dumps(value))  # in the types of JSON, which are all that YAML is written from
    text: str = yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
    )
    if not (text.replace("\n", "").isprintable() and is_encodable(text, encoding)):
        text = yaml.safe_dump(
            value, sort_keys=False, allow_unicode=False, default_flow_style=False, width=100
        )
    return text.rstrip("\n")


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV without the last line end.

    A text that a spreadsheet would run as a formula gets a leading apostrophe, because names and descriptions are not
    trusted. JSON has every text unchanged.
    """
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([_csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue().rstrip("\n")


def _csv_cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return json.dumps(value) if isinstance(value, bool) else value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = " ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(f"'{text}" if text.startswith(_FORMULA) else text)
