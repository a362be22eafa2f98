"""Makes definitions of tools readable by strict hosts, which refuse a whole list because of one definition.

Some hosts compile every schema, and models refuse a request with a schema that is not valid at any depth. Hosts of the
legacy era demand objects as structured output, and an object as the schema of each argument; those of the modern era
accept any schema there.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from ambassador_server.host_definitions.schemas import ANYTHING, SCHEMAS_OF_FLAGS, mended_schema

Members = dict[str, Raw]

_OBJECT: Final = b'"object"'
_NO_ARGUMENTS: Final = Raw(b'{"type":"object"}')


class _Icon(msgspec.Struct, rename="camel"):
    src: str
    mime_type: str | msgspec.UnsetType = msgspec.UNSET
    sizes: list[str] | msgspec.UnsetType = msgspec.UNSET
    theme: Literal["light", "dark"] | msgspec.UnsetType = msgspec.UNSET


class _Execution(msgspec.Struct, rename="camel"):
    task_support: Literal["forbidden", "optional", "required"] | msgspec.UnsetType = msgspec.UNSET


class HostDefinition(msgspec.Struct, frozen=True):
    """The members of a definition as a host gets them, and what was changed, each as a clause about the tool.

    `is_changed` is also true if only the form of a schema was changed, without its meaning.
    """

    members: Members
    changes: tuple[str, ...]
    is_changed: bool


def host_definition(definition: bytes, *, modern: bool) -> HostDefinition:
    """Return a definition for hosts of one era; what they can read is not changed."""
    members = _members_decoder.decode(definition)
    changes: list[str] = []
    given, output = members.get("inputSchema"), members.get("outputSchema")
    if given is None or not _is_object(bytes(given)):
        changes.append("its inputSchema is missing" if given is None else "its inputSchema is no object")
        members["inputSchema"] = _NO_ARGUMENTS
    else:
        members["inputSchema"] = _schema_of_object("inputSchema", given, changes, modern=modern)
    _mend_output(members, changes, modern=modern)
    if "annotations" in members and _is_object(bytes(members["annotations"])):
        annotations = _members_decoder.decode(members["annotations"])
        if _remove_invalid(annotations, _ANNOTATIONS, changes, "in its annotations"):
            members["annotations"] = Raw(msgspec.json.encode(annotations))
    _remove_invalid(members, _MEMBERS, changes, "of it")
    is_kept = members["inputSchema"] is given and members.get("outputSchema") is output
    return HostDefinition(members, tuple(changes), is_changed=bool(changes) or not is_kept)


def host_warnings(definition: bytes) -> list[str]:
    """Return what is changed of a definition for hosts, each as a clause, first what is changed for every host."""
    legacy = host_definition(definition, modern=False).changes
    # What legacy hosts can read, modern hosts can read, too.
    modern = host_definition(definition, modern=True).changes if legacy else ()
    return [*modern, *(f"for legacy hosts, {each}" for each in legacy if each not in modern)]


def _mend_output(members: Members, changes: list[str], *, modern: bool) -> None:
    """Leave out a schema of the output that the hosts of this era cannot read."""
    given = members.get("outputSchema")
    if given is None:
        return
    if not _is_object(bytes(given)):
        del members["outputSchema"]
        changes.append("its outputSchema is no object and left out")
        return
    is_object = bytes(_members_decoder.decode(given).get("type", b"")) == _OBJECT
    if not modern and not is_object:
        del members["outputSchema"]
        changes.append("its outputSchema is not of type object and left out")
    elif is_object:
        members["outputSchema"] = _schema_of_object("outputSchema", given, changes, modern=modern)
    else:
        members["outputSchema"] = mended_schema(given, "in its outputSchema", changes)


def _schema_of_object(name: str, given: Raw, changes: list[str], *, modern: bool) -> Raw:
    """Return a schema as a valid one of objects; for legacy hosts those of its properties are no flags."""
    schema = _members_decoder.decode(given)
    if bytes(schema.get("type", b"")) != _OBJECT:
        changes.append(f"its {name} is not of type object")
        schema["type"] = Raw(_OBJECT)
        given = Raw(msgspec.json.encode(schema))
    given = mended_schema(given, f"in its {name}", changes)
    return given if modern else _without_flags(given)


def _without_flags(given: Raw) -> Raw:
    """Write the schemas of properties that are flags as objects with the same meaning."""
    schema = _members_decoder.decode(given)
    properties = _members_decoder.decode(schema.get("properties", ANYTHING))
    flags = {key: bytes(raw) for key, raw in properties.items() if not _is_object(bytes(raw))}
    if not flags:
        return given
    properties |= {key: SCHEMAS_OF_FLAGS[flag] for key, flag in flags.items()}
    schema["properties"] = Raw(msgspec.json.encode(properties))
    return Raw(msgspec.json.encode(schema))


def _remove_invalid(
    members: Members, checks: Mapping[str, Callable[[bytes], bool]], changes: list[str], where: str
) -> bool:
    """Remove the members that their check refuses; tell whether there was any."""
    invalid = [name for name in checks.keys() & members.keys() if not checks[name](bytes(members[name]))]
    for name in sorted(invalid):
        del members[name]
        changes.append(f"{name} {where} is invalid and left out")
    return bool(invalid)


def _is_object(raw: bytes) -> bool:
    return raw.startswith(b"{")


def _is_text(raw: bytes) -> bool:
    return raw.startswith(b'"')


def _is_flag(raw: bytes) -> bool:
    return raw in SCHEMAS_OF_FLAGS


def _decodes_as(kind: Any) -> Callable[[bytes], bool]:
    decoder = msgspec.json.Decoder(kind)

    def check(raw: bytes) -> bool:
        try:
            decoder.decode(raw)
        except msgspec.DecodeError:
            return False
        return True

    return check


_members_decoder = msgspec.json.Decoder(Members)
_ANNOTATIONS: Final = {
    "title": _is_text,
    "readOnlyHint": _is_flag,
    "destructiveHint": _is_flag,
    "idempotentHint": _is_flag,
    "openWorldHint": _is_flag,
}
_MEMBERS: Final = {
    "title": _is_text,
    "description": _is_text,
    "annotations": _is_object,
    "icons": _decodes_as(list[_Icon]),
    "execution": _decodes_as(_Execution),
    "_meta": _is_object,
}
