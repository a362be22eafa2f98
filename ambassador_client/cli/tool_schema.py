"""Reads the JSON Schema of a tool's input: follows its references and looks into its alternatives."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import unquote

_MAX_PARTS = 100
_PYTHON_TYPES = {str: "string", list: "array", dict: "object", type(None): "null", bool: "boolean"}


class ToolSchema:
    """A schema, or a part of the schema `document`.

    References within the document are followed, also circular ones; a reference that leads elsewhere or nowhere
    constrains nothing. What is not read here, such as `pattern`, is checked by the tool.
    """

    def __init__(self, value: Any, document: Any = None) -> None:
        self._document = value if document is None else document
        self._parts = _conjuncts(value, self._document)

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that a value may have; empty if it may have any."""
        return self._types(set())

    @cached_property
    def likely_types(self) -> frozenset[str]:
        """The types that a text is converted to: also those that the schema does not name, but speaks of."""
        if self.types:
            return self.types
        if self.allowed_values is not None:
            return frozenset().union(*map(types_of, self.allowed_values))
        speaks_of = {"properties": "object", "items": "array"}
        return frozenset(kind for word, kind in speaks_of.items() if self.annotation(word) is not None)

    @cached_property
    def properties(self) -> Mapping[str, "ToolSchema"]:
        """The declared members of an object, also those of its alternatives."""
        return {name: self._part(each) for name, each in self._properties(set()).items()}

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The names of the members that an object must have."""
        return tuple(dict.fromkeys(self._required(set())))

    def member(self, name: str) -> "ToolSchema | None":
        """Return the schema of a member of an object; None if the object cannot have it.

        A schema that declares members, but not whether there may be more, means that there are no more.
        """
        if name in self.properties:
            return self.properties[name]
        more = self._more(set())
        return None if more is False else self._part(more)

    @cached_property
    def items(self) -> "ToolSchema":
        """The schema of the items of a list."""
        return self._part(self._items(set()))

    @cached_property
    def allowed_values(self) -> list[Any] | None:
        """The values that are allowed by `enum`, `const` or alternatives of them; None if there is no such list."""
        return self._allowed_values(set())

    def annotation(self, name: str) -> Any:
        """Return the value of a keyword such as `description` or `default`, or None."""
        return next((part[name] for part in self._parts if name in part), None)

    def has_default(self) -> bool:
        """Tell whether there is a default, which may be null."""
        return any("default" in part for part in self._parts)

    def describe(self) -> str:
        """Return the types for people."""
        return " or ".join(sorted(self.likely_types)) or "any value"

    def is_within(self, others: "list[ToolSchema]") -> bool:
        """Tell whether one of the others is the same schema, as where a schema contains itself."""
        own = {id(part) for part in self._parts if part}
        return any(own & {id(part) for part in each._parts} for each in others)

    def _part(self, value: Any) -> "ToolSchema":
        return ToolSchema(value, self._document)

    def _alternatives(self, seen: set[int]) -> "Iterator[ToolSchema]":
        """Yield the alternatives that were not seen yet; the last of too many is one that allows everything."""
        for option in (
            each for part in self._parts for word in ("anyOf", "oneOf") for each in _list(part, word)
        ):
            if len(seen) >= _MAX_PARTS:
                yield self._part({})
                return
            if id(option) not in seen:
                seen.add(id(option))
                yield self._part(option)

    def _types(self, seen: set[int]) -> frozenset[str]:
        declared = [names for part in self._parts if (names := _declared_types(part))]
        if declared:
            return frozenset.intersection(*declared)
        found = [each._types(seen) for each in self._alternatives(seen)]
        return frozenset().union(*found) if all(found) else frozenset()

    def _properties(self, seen: set[int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for part in self._parts:
            declared = part.get("properties")
            found = {**declared, **found} if isinstance(declared, Mapping) else found
        for alternative in self._alternatives(seen):
            found = {**alternative._properties(seen), **found}
        return found

    def _required(self, seen: set[int]) -> list[str]:
        declared = [name for part in self._parts for name in _list(part, "required")]
        objects = [each for each in self._alternatives(seen) if each._may_be_object]
        # Of several alternatives it is not known which one is meant.
        only = objects[0]._required(seen) if len(objects) == 1 else []
        return [name for name in declared if isinstance(name, str)] + only

    def _more(self, seen: set[int]) -> Any:
        """Return what members without a name may be: a bool or a schema; None if nothing speaks of members."""
        for part in self._parts:
            for word in ("additionalProperties", "unevaluatedProperties"):
                if isinstance(part.get(word), bool | Mapping):
                    return part[word]
            if part.get("patternProperties"):
                return True
        declared = [each._more(seen) for each in self._alternatives(seen) if each._may_be_object]
        if any(isinstance(part.get("properties"), Mapping) for part in self._parts):
            declared.append(False)
        elif not declared and (not any(self._parts) or "object" in self.types):
            return True
        is_open = [more for more in declared if more is not None and more is not False]
        return is_open[0] if is_open else False if False in declared else None

    @property
    def _may_be_object(self) -> bool:
        return not self.types or "object" in self.types

    def _items(self, seen: set[int]) -> Any:
        for part in self._parts:
            if isinstance(part.get("items"), Mapping) and "prefixItems" not in part:
                return part["items"]
        found = (each._items(seen) for each in self._alternatives(seen))
        return next((items for items in found if items), {})

    def _allowed_values(self, seen: set[int]) -> list[Any] | None:
        for part in self._parts:
            if isinstance(part.get("enum"), list):
                return list(part["enum"])
            if "const" in part:
                return [part["const"]]
        found: list[Any] = []
        for each in self._alternatives(seen):
            values = [None] if each.types == {"null"} else each._allowed_values(seen)
            if values is None:
                return None
            found += values
        return found or None


def as_text(value: Any) -> str:
    """Return a value as a user types it: a text unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def types_of(value: Any) -> frozenset[str]:
    """Return the types of JSON Schema that a value has."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        # JSON Schema counts 1.0 as an integer.
        whole = isinstance(value, int) or value.is_integer()
        return frozenset({"integer", "number"} if whole else {"number"})
    return frozenset({_PYTHON_TYPES.get(type(value), "object")})


def _conjuncts(value: Any, document: Any) -> list[Mapping[str, Any]]:
    """Return the schemas that must all hold: the schema itself, what it refers to, and the members of `allOf`."""
    found: list[Mapping[str, Any]] = []
    waiting, seen = [value], set[int]()
    for part in waiting:
        if isinstance(part, Mapping) and id(part) not in seen and len(found) < _MAX_PARTS:
            seen.add(id(part))
            found.append(part)
            waiting += [_target(document, part.get("$ref")), *_list(part, "allOf")]
    return found


def _target(document: Any, reference: Any) -> Any:
    """Return the part of the document that a reference names, or None."""
    if not isinstance(reference, str) or not isinstance(document, Mapping):
        return None
    base, _, fragment = reference.partition("#")
    if base and base != document.get("$id"):
        return None
    if fragment and not fragment.startswith("/"):
        return _anchored(document, fragment)
    found: Any = document
    for step in unquote(fragment).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < 7:
            found = found[int(name)] if int(name) < len(found) else None
        else:
            return None
    return found


def _anchored(document: Mapping[str, Any], name: str) -> Any:
    for word in ("$defs", "definitions"):
        named = document.get(word)
        for each in named.values() if isinstance(named, Mapping) else ():
            if isinstance(each, Mapping) and each.get("$anchor") == name:
                return each
    return None


def _list(part: Mapping[str, Any], word: str) -> list[Any]:
    value = part.get(word)
    return value if isinstance(value, list) else []


def _declared_types(part: Mapping[str, Any]) -> frozenset[str]:
    declared = part.get("type")
    names = declared if isinstance(declared, list) else [declared]
    return frozenset(name for name in names if isinstance(name, str))
