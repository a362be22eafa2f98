"""The list of tools."""

from typing import Any, Final

import msgspec

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.mcps import Tool, classify_tool
from ambassador_server.downstream.features.list_faults import ListFaults
from ambassador_server.downstream.features.pages import ListKind
from ambassador_server.host_definitions import host_warnings


class _Named(msgspec.Struct):
    name: str


class _Head(msgspec.Struct):
    description: Any = None
    annotations: Any = None


_name_decoder = msgspec.json.Decoder(_Named)
_head_decoder = msgspec.json.Decoder(_Head)


def read_name(definition: bytes) -> str:
    """Return the member `name`; raises `msgspec.DecodeError`."""
    return _name_decoder.decode(definition).name


def _build(name: str, definition: bytes, faults: ListFaults) -> Tool:
    head = _head_decoder.decode(definition)
    for warning in host_warnings(definition):
        faults.warn(f"the tool '{name}' is changed for hosts: {warning}")
    return Tool(
        name=name,
        description=head.description if isinstance(head.description, str) else "",
        tool_class=classify_tool(head.annotations if isinstance(head.annotations, dict) else {}),
        definition=definition,
        digest=definition_digest(definition),
    )


TOOLS: Final = ListKind(
    method="tools/list",
    member="tools",
    noun="tool",
    key_name="name",
    read_key=read_name,
    build=_build,
    identity=lambda tool: tool.digest,
)
