"""What hosts get of the tools of an MCP: the downstream's own, with the changes that an administrator has made.

A definition is changed once, when the index of the catalog is built; all that is not changed in it stays as it was.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from msgspec import Raw

from ambassador_server.domain.catalog.mcps import Mcp, Tool, classify_tool
from ambassador_server.domain.catalog.transforms import NO_TRANSFORMS, ToolTransform, compared_name
from ambassador_server.services.calls.call_edits import CallEdits, call_edits

_Members = dict[str, Raw]
_members_decoder = msgspec.json.Decoder(_Members)
_list_decoder = msgspec.json.Decoder(list[Raw])
_value_decoder = msgspec.json.Decoder()
_EMPTY: Final = Raw(b"{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTool:
    """A tool as hosts get it, with the digest of the downstream's own definition, and the one that is `offered`.

    `edits` changes its calls; it is None if they go on as they are.
    """

    tool: Tool
    offered: Tool
    edits: CallEdits | None = None


def published_tools(mcp: Mcp, tools: Iterable[Tool]) -> Iterator[PublishedTool]:
    """Yield the tools that hosts may get; a hidden one is left out, and one whose name another tool was given."""
    if mcp.transforms is NO_TRANSFORMS:
        for tool in tools:
            yield PublishedTool(tool=tool, offered=tool)
        return
    for tool in tools:
        if mcp.transforms.is_offered(tool.name):
            published = published_tool(mcp, tool)
            if published is not None:
                yield published


def published_tool(mcp: Mcp, tool: Tool) -> PublishedTool | None:
    """Return one tool of an MCP with its changes, hidden or not; None for a definition that cannot be changed."""
    transform = mcp.transforms.of(tool.name)
    if transform is None:
        return PublishedTool(tool=tool, offered=tool)
    own = mcp.transforms.by_tool.get(tool.name, ToolTransform())
    try:
        changed = replace(_changed(tool, transform), name=mcp.transforms.name_of(tool.name))
        edits = call_edits(transform, own, argument_names(tool.definition))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return PublishedTool(tool=changed, offered=tool, edits=edits)


def argument_names(definition: bytes) -> Collection[str]:
    """Return the names of the arguments that a definition describes."""
    schema = _object(_members_decoder.decode(definition).get("inputSchema", _EMPTY))
    return _object(schema.get("properties", _EMPTY)).keys()


def _changed(tool: Tool, transform: ToolTransform) -> Tool:
    members = _members_decoder.decode(tool.definition)
    tool_class = tool.tool_class
    description = transform.described(tool.description)
    if description != tool.description:
        members["description"] = _encoded(description)
    if transform.annotations:
        members["annotations"] = _annotations(members, transform)
        tool_class = classify_tool(_value_decoder.decode(members["annotations"]))
    if "inputSchema" in members and (transform.fixed_arguments or transform.default_arguments):
        members["inputSchema"] = _schema(members["inputSchema"], transform)
    definition = msgspec.json.encode(members)
    return replace(tool, description=description, definition=definition, tool_class=tool_class)


def _annotations(members: _Members, transform: ToolTransform) -> Raw:
    own = _object(members.get("annotations", _EMPTY))
    return _encoded(own | {name: _encoded(value) for name, value in transform.annotations.items()})


def _schema(given: Raw, transform: ToolTransform) -> Raw:
    """Return the schema of the arguments without the fixed ones, and with the defaults of those that have one."""
    schema = _object(given)
    if not schema:
        return given
    fixed = {compared_name(name) for name in transform.fixed_arguments}
    defaults = transform.default_arguments
    properties = {
        name: _with_default(raw, defaults[name]) if name in defaults else raw
        for name, raw in _object(schema.get("properties", _EMPTY)).items()
        if compared_name(name) not in fixed
    }
    if "properties" in schema and bytes(schema["properties"]).startswith(b"{"):
        schema["properties"] = _encoded(properties)
    if bytes(schema.get("required", Raw())).startswith(b"["):
        schema["required"] = _encoded(
            [
                each
                for each in _list_decoder.decode(schema["required"])
                if not _is_given(each, fixed, defaults)
            ]
        )
    return _encoded(schema)


def _is_given(raw: Raw, fixed: Collection[str], defaults: Mapping[str, str]) -> bool:
    """Tell whether the server itself gives a required argument, if the caller does not."""
    name = _value_decoder.decode(raw)
    return isinstance(name, str) and (name in defaults or compared_name(name) in fixed)


def _with_default(raw: Raw, value: str) -> Raw:
    """Return the schema of an argument with its default; `true` and `{}` mean the same."""
    if not bytes(raw).startswith(b"{"):
        return raw if bytes(raw) != b"true" else _encoded({"default": Raw(value.encode())})
    return _encoded(_object(raw) | {"default": Raw(value.encode())})


def _object(raw: Raw) -> _Members:
    return _members_decoder.decode(raw) if bytes(raw).startswith(b"{") else {}


def _encoded(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))
