"""Finds the references of a JSON Schema that lead nowhere; hosts refuse to compile such a schema."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

_NAMES: Final = ("$id", "id", "$anchor", "$dynamicAnchor")
"""Members by which a part of a schema can be referred to besides its place."""
_META_SCHEMAS: Final = ("http://json-schema.org/", "https://json-schema.org/")
"""Beginnings of the addresses of schemas that every validator has."""


def unresolved_references(document: Any) -> list[dict[str, Any]]:
    """Return the parts of a schema whose `$ref` names neither a place in it nor a schema that every validator has.

    A reference by a name is taken for valid if the schema gives any of its parts a name.
    """
    parts = list(_parts(document))
    has_names = any(isinstance(part.get(name), str) for part in parts for name in _NAMES)
    return [part for part in parts if not _leads_somewhere(document, part.get("$ref"), has_names)]


def _parts(document: Any) -> Iterator[dict[str, Any]]:
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _leads_somewhere(document: Any, reference: Any, has_names: bool) -> bool:
    if not isinstance(reference, str) or reference.startswith(_META_SCHEMAS):
        return True
    if reference != "#" and not reference.startswith("#/"):
        return has_names
    found = document
    for step in unquote(reference[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdigit() and int(name[:7]) < len(found):
            found = found[int(name[:7])]
        else:
            # A part with a name of its own is the root of the references in it.
            return has_names
    return isinstance(found, dict | bool)
