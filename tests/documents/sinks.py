"""The tables of docs/audit-sinks.md, made from the models that read the configuration."""

import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ambassador_server.audit_sinks import known_sinks, options_of
from ambassador_server.audit_sinks.shared.options import SinkOptions

PAGE = "docs/audit-sinks.md"
_TABLE = re.compile(r"(<!-- options: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(root: Path) -> str:
    """Return the page with its tables as they should be; the rest of it is written by hand."""
    text = (root / PAGE).read_text(encoding="utf-8")
    return _TABLE.sub(lambda found: f"{found[1]}{_table(found[2])}{found[3]}", text)


def tables(text: str) -> list[str]:
    """Return the words that the page has a table for."""
    return [found[2] for found in _TABLE.finditer(text)]


def _table(word: str) -> str:
    common = set(SinkOptions.model_fields)
    shape: type[SinkOptions] = SinkOptions if word == "common" else options_of(word)
    own = [name for name in shape.model_fields if word == "common" or name not in common]
    if not own:
        return "It has no options of its own.\n"
    schema: dict[str, Any] = TypeAdapter(shape).json_schema()
    rows = [_row(name, schema["properties"][name], name in schema.get("required", ())) for name in own]
    return "| option | value | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _row(name: str, told: dict[str, Any], required: bool) -> str:
    default = "required" if required else f"`{told['default']}`" if told.get("default") else ""
    return f"| `{name}` | {_value(told)} | {default} | {told['description']} |\n"


def _value(told: dict[str, Any]) -> str:
    several = [each for each in told.get("anyOf", [told]) if each.get("type") != "null"]
    [only] = several
    if "enum" in only:
        return ", ".join(f"`{word}`" for word in only["enum"])
    low, high = only.get("minimum"), only.get("maximum")
    return only["type"] if low is None else f"{only['type']}, {low} to {high}"


def words() -> list[str]:
    """Return every word that must have a table."""
    return ["common", *known_sinks()]
