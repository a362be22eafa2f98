"""Edits TOML with tomlkit, which preserves comments, order and formatting."""

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from ambassador_client.hosts.formats.editor import (
    DEEPEST,
    EntryPath,
    FormatError,
    format_path,
    is_same,
    line_end,
)

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import InlineTable, Table


class TomlEditor:
    """Editor of TOML; an entry is a table, nested mappings are inline tables."""

    def load(self, text: str) -> Any:
        """Implement Editor."""
        return _parse(text).unwrap()

    def put(self, text: str, path: EntryPath, value: Any) -> str:
        """Implement Editor."""
        import tomlkit  # noqa: PLC0415 - only needed to edit TOML

        document = _parse(text)
        parent: MutableMapping[str, Any] = document
        for index, step in enumerate(path[:-1]):
            if step not in parent:
                parent[str(step)] = tomlkit.table(is_super_table=True)
            parent = parent[str(step)]
            if not isinstance(parent, MutableMapping):
                raise FormatError(f"{format_path(path[: index + 1])} is not a table")
        found = parent.get(str(path[-1]))
        if found is not None and is_same(getattr(found, "unwrap", lambda: found)(), value):
            return text
        inline = isinstance(parent, tomlkit.items.InlineTable)
        parent[str(path[-1])] = _inline_table(value) if inline else _table(value)
        return _written(document, text)

    def remove(self, text: str, path: EntryPath) -> str:
        """Implement Editor."""
        document = _parse(text)
        parent: Any = document
        for step in path[:-1]:
            parent = parent.get(str(step)) if isinstance(parent, MutableMapping) else None
        if not isinstance(parent, MutableMapping) or path[-1] not in parent:
            return text
        del parent[str(path[-1])]
        return _written(document, text)


def _parse(text: str) -> "TOMLDocument":
    import tomlkit  # noqa: PLC0415 - as above
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415

    try:
        document = tomlkit.parse(text)
        too_deep = _is_too_deep(document.unwrap())
    except (TOMLKitError, ValueError) as error:
        raise FormatError(str(error)) from error
    except RecursionError as error:
        raise FormatError(f"nested deeper than {DEEPEST}") from error
    if too_deep:
        raise FormatError(f"nested deeper than {DEEPEST}")
    return document


def _is_too_deep(document: Any) -> bool:
    """Tell whether lists and tables are nested deeper than any editor allows, whatever tomlkit allows."""
    level = [document]
    for _ in range(DEEPEST + 1):
        members = [each.values() if isinstance(each, dict) else each for each in level]
        level = [child for each in members for child in each if isinstance(child, dict | list)]
    return bool(level)


def _table(value: Mapping[str, Any]) -> "Table":
    import tomlkit  # noqa: PLC0415 - as above

    table = tomlkit.table()
    for key, member in value.items():
        table[key] = _inline_table(member) if isinstance(member, Mapping) else member
    table.add(tomlkit.nl())  # an empty line before the next table
    return table


def _inline_table(value: Mapping[str, Any]) -> "InlineTable":
    import tomlkit  # noqa: PLC0415 - as above

    table = tomlkit.inline_table()
    for key, member in value.items():
        table[key] = _inline_table(member) if isinstance(member, Mapping) else member
    return table


def _written(document: "TOMLDocument", before: str) -> str:
    text = document.as_string()
    if text.endswith("\n\n") and not before.endswith(("\n\n", "\n\r\n")):
        text = text[:-1]
    if line_end(before) == "\r\n" and before.count("\n") == before.count("\r\n"):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return text
