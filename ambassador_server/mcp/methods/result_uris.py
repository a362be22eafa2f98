"""Maps the URIs in results and definitions to those by which hosts know the resources; all else stays as it is."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

Publish = Callable[[str], str]
"""Returns the URI by which hosts know a resource, given the MCP's own URI."""
Members = dict[str, Raw]

_members_decoder = msgspec.json.Decoder(Members)
_list_decoder = msgspec.json.Decoder(list[Raw])
_text_decoder = msgspec.json.Decoder(str)
_LINK: Final = b'"resource_link"'
_EMBEDDED: Final = b'"resource"'
_UI_URI: Final = "resourceUri"
_FLAT_UI_URI: Final = "ui/resourceUri"


def map_tool_result(result: bytes, publish: Publish) -> bytes:
    """Map the links, the embedded resources and the reference to a user interface in the result of a tool."""
    if b"uri" not in result and b"Uri" not in result:
        return result
    return _mapped(result, {"content": lambda raw: _each(raw, publish, _map_block), "_meta": _ui(publish)})


def map_prompt_result(result: bytes, publish: Publish) -> bytes:
    """Map the links and embedded resources in the messages of a prompt."""
    if b"uri" not in result:
        return result
    return _mapped(result, {"messages": lambda raw: _each(raw, publish, _map_message)})


def map_contents(result: bytes, publish: Publish) -> bytes:
    """Map the URIs of the contents that resources/read returned."""
    return _mapped(result, {"contents": lambda raw: _each(raw, publish, _map_uri)})


def map_definition(definition: bytes, publish: Publish) -> bytes:
    """Map the reference to a user interface in the definition of a tool."""
    return _mapped(definition, {"_meta": _ui(publish)}) if b"esourceUri" in definition else definition


def _mapped(raw: bytes, maps: dict[str, Callable[[Raw], Raw]]) -> bytes:
    """Map some members of an object; what is not as expected stays as it is."""
    try:
        members = _members_decoder.decode(raw)
        changed = {
            name: new for name, each in maps.items() if name in members if (new := each(members[name]))
        }
    except (msgspec.MsgspecError, RecursionError):
        return raw
    return msgspec.json.encode(members | changed) if changed else raw


def _each(raw: Raw, publish: Publish, map_item: Callable[[Raw, Publish], Raw]) -> Raw:
    """Map the items of a list; returns an empty value if nothing differs."""
    items = _list_decoder.decode(raw)
    mapped = [map_item(item, publish) if b"uri" in bytes(item) else _SAME for item in items]
    if not any(bytes(each) for each in mapped):
        return _SAME
    return Raw(
        msgspec.json.encode([new if bytes(new) else item for item, new in zip(items, mapped, strict=True)])
    )


def _map_message(raw: Raw, publish: Publish) -> Raw:
    members = _members_decoder.decode(raw)
    content = members.get("content", _SAME)
    if bytes(content).startswith(b"["):
        return _replaced(members, "content", _each(content, publish, _map_block))
    return _replaced(members, "content", _map_block(content, publish)) if bytes(content) else _SAME


def _map_block(raw: Raw, publish: Publish) -> Raw:
    members = _members_decoder.decode(raw)
    kind = bytes(members.get("type", _SAME))
    if kind == _LINK:
        return _replaced_uri(members, "uri", publish)
    if kind == _EMBEDDED and "resource" in members:
        resource = _members_decoder.decode(members["resource"])
        return _replaced(members, "resource", _replaced_uri(resource, "uri", publish))
    return _SAME


def _map_uri(raw: Raw, publish: Publish) -> Raw:
    return _replaced_uri(_members_decoder.decode(raw), "uri", publish)


def _ui(publish: Publish) -> Callable[[Raw], Raw]:
    def map_meta(raw: Raw) -> Raw:
        members = _members_decoder.decode(raw)
        flat = _replaced_uri(members, _FLAT_UI_URI, publish)
        if bytes(flat):
            members = _members_decoder.decode(flat)
        ui = _members_decoder.decode(members["ui"]) if "ui" in members else {}
        nested = _replaced(members, "ui", _replaced_uri(ui, _UI_URI, publish))
        return nested if bytes(nested) else flat

    return map_meta


def _replaced_uri(members: Members, name: str, publish: Publish) -> Raw:
    if name not in members:
        return _SAME
    uri = _text_decoder.decode(members[name])
    published = publish(uri)
    return _SAME if published == uri else _replaced(members, name, Raw(msgspec.json.encode(published)))


def _replaced(members: Members, name: str, value: Raw) -> Raw:
    return Raw(msgspec.json.encode(members | {name: value})) if bytes(value) else _SAME


_SAME: Final = Raw(b"")
"""Stands for a value that is not changed."""
