"""Mends JSON Schemas: hosts and models refuse every tool because of one schema that no draft since 4 allows.

A valid schema is only decoded by msgspec, as the type `_Schema`; whatever is not of this type is mended step by step.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType, field
from msgspec.structs import fields

from ambassador_server.host_definitions.references import unresolved_references

_DEEPEST: Final = 8
"""The level below which a schema is replaced as a whole, which bounds the time."""
_LARGEST_SEARCHED: Final = 64 * 1024
"""The largest schema, in bytes, whose references are checked."""

ANYTHING: Final = Raw(b"{}")
SCHEMAS_OF_FLAGS: Final = {b"true": ANYTHING, b"false": Raw(b'{"not":{}}')}

_Type: TypeAlias = Literal["null", "boolean", "object", "array", "number", "string", "integer"]
_Text: TypeAlias = str | UnsetType
_Flag: TypeAlias = bool | UnsetType
_Size: TypeAlias = Annotated[float, Meta(ge=0, multiple_of=1)] | UnsetType
_Number: TypeAlias = float | UnsetType
_Part: TypeAlias = "_Schema | bool | UnsetType"
_Parts: TypeAlias = "Annotated[list[_Schema | bool], Meta(min_length=1)] | UnsetType"
_NamedParts: TypeAlias = "dict[str, _Schema | bool] | UnsetType"


class _Schema(msgspec.Struct, rename="camel"):
    """The members of a schema that have a meaning; the others are not read."""

    type: _Type | Annotated[list[_Type], Meta(min_length=1)] | UnsetType = UNSET
    enum: Annotated[list[Raw], Meta(min_length=1)] | UnsetType = UNSET
    required: list[str] | UnsetType = UNSET
    properties: _NamedParts = UNSET
    pattern_properties: _NamedParts = UNSET
    defs: _NamedParts = field(default=UNSET, name="$defs")
    definitions: _NamedParts = UNSET
    dependent_schemas: _NamedParts = UNSET
    dependent_required: dict[str, list[str]] | UnsetType = UNSET
    dependencies: "dict[str, _Schema | bool | list[str]] | UnsetType" = UNSET
    all_of: _Parts = UNSET
    any_of: _Parts = UNSET
    one_of: _Parts = UNSET
    prefix_items: _Parts = UNSET
    items: "_Schema | bool | list[_Schema | bool] | UnsetType" = UNSET
    additional_items: _Part = UNSET
    additional_properties: _Part = UNSET
    unevaluated_items: _Part = UNSET
    unevaluated_properties: _Part = UNSET
    contains: _Part = UNSET
    property_names: _Part = UNSET
    negated: _Part = field(default=UNSET, name="not")
    condition: _Part = field(default=UNSET, name="if")
    then: _Part = UNSET
    otherwise: _Part = field(default=UNSET, name="else")
    schema: _Text = field(default=UNSET, name="$schema")
    id: _Text = field(default=UNSET, name="$id")
    ref: _Text = field(default=UNSET, name="$ref")
    anchor: _Text = field(default=UNSET, name="$anchor")
    comment: _Text = field(default=UNSET, name="$comment")
    title: _Text = UNSET
    description: _Text = UNSET
    format: _Text = UNSET
    pattern: _Text = UNSET
    minimum: _Number = UNSET
    maximum: _Number = UNSET
    # Flags in draft 4.
    exclusive_minimum: float | bool | UnsetType = UNSET
    exclusive_maximum: float | bool | UnsetType = UNSET
    multiple_of: Annotated[float, Meta(gt=0)] | UnsetType = UNSET
    min_length: _Size = UNSET
    max_length: _Size = UNSET
    min_items: _Size = UNSET
    max_items: _Size = UNSET
    min_properties: _Size = UNSET
    max_properties: _Size = UNSET
    unique_items: _Flag = UNSET
    deprecated: _Flag = UNSET
    read_only: _Flag = UNSET
    write_only: _Flag = UNSET
    examples: list[Raw] | UnsetType = UNSET


_schema_decoder = msgspec.json.Decoder(_Schema)
_part_decoder = msgspec.json.Decoder(_Schema | bool)
_member_decoders: Final = {each.encode_name: msgspec.json.Decoder(each.type) for each in fields(_Schema)}
_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_list_decoder = msgspec.json.Decoder(list[Raw])


def mended_schema(given: Raw, where: str, changes: list[str]) -> Raw:
    """Return an object as a schema that is valid, and that refers to nothing which it does not have.

    A member that is invalid is left out, a property without a schema gets one for any value, and each of them is added
    to `changes` with the words of `where`. A valid schema is returned unchanged.
    """
    if not _is_valid(_schema_decoder, given):
        given = _mended_object(given, where, changes, 0)
    if b'"$ref"' not in bytes(given) or len(bytes(given)) > _LARGEST_SEARCHED:
        return given
    document = msgspec.json.decode(given)
    unresolved = unresolved_references(document)
    for part in unresolved:
        changes.append(f"a $ref {where} leads nowhere and is left out")
        del part["$ref"]
    return Raw(msgspec.json.encode(document)) if unresolved else given


def _mended_object(given: Raw, where: str, changes: list[str], depth: int) -> Raw:
    members = _members_decoder.decode(given)
    for name in sorted(
        _member_decoders.keys() & members.keys(), key=lambda name: (name in _WITH_PARTS, name)
    ):
        if _is_valid(_member_decoders[name], members[name]):
            continue
        mended = _mended_member(name, members[name], where, changes, depth)
        if mended is None:
            del members[name]
            changes.append(f"{name} {where} is invalid and left out")
        else:
            members[name] = mended
    return Raw(msgspec.json.encode(members))


def _mended_member(name: str, given: Raw, where: str, changes: list[str], depth: int) -> Raw | None:
    """Return a member whose parts are mended, or None if it has none."""
    start = bytes(given)[:1]
    if name in _NAMED and start == b"{":
        named = _members_decoder.decode(given)
        return _encoded(
            {key: _mended_part(f"{name}.{key}", named[key], where, changes, depth) for key in named}
        )
    if name in _LISTED and start == b"[":
        parts = _list_decoder.decode(given)
        mended = [
            _mended_part(f"{name}.{number}", part, where, changes, depth) for number, part in enumerate(parts)
        ]
        return _encoded(mended) if mended else None
    if name in _SINGLE and start == b"{":
        return _mended_part(name, given, where, changes, depth)
    return None


def _mended_part(name: str, given: Raw, where: str, changes: list[str], depth: int) -> Raw:
    if _is_valid(_part_decoder, given):
        return given
    if depth < _DEEPEST and bytes(given).startswith(b"{"):
        return _mended_object(given, f"in {name} {where}", changes, depth + 1)
    kind = "a property" if name.startswith("properties.") else "a part"
    changes.append(f"{kind} {where} has no schema")
    return ANYTHING


def _is_valid(decoder: "msgspec.json.Decoder[Any]", given: Raw) -> bool:
    try:
        decoder.decode(given)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _encoded(value: Mapping[str, Raw] | list[Raw]) -> Raw:
    return Raw(msgspec.json.encode(value))


def _members_of(kind: Any) -> frozenset[str]:
    return frozenset(
        each.encode_name for each in fields(_Schema) if _Schema.__annotations__[each.name] == kind
    )


_NAMED: Final = _members_of(_NamedParts) | {"dependencies"}
_LISTED: Final = _members_of(_Parts) | {"items"}
_SINGLE: Final = _members_of(_Part) | {"items"}
_WITH_PARTS: Final = _NAMED | _LISTED | _SINGLE
