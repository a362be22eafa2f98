"""Capabilities: what an MCP offers, each a tool, a resource or a prompt, and the names that policy and audit use."""

from dataclasses import dataclass
from enum import StrEnum

from ambassador_server.domain.catalog.mcps import ToolClass


class CapabilityKind(StrEnum):
    """What can be granted, called, read and recorded; each word is also the resource kind of an audit event."""

    TOOL = "tool"
    RESOURCE = "resource"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class CapabilityRef:
    """The capability that a decision is about.

    `name` is the canonical name: `mcp.tool`, `mcp.prompt`, or the URI of a resource. `tool_class` is None for
    resources and prompts.
    """

    mcp_id: str
    kind: CapabilityKind
    name: str
    tool_class: ToolClass | None = None


def tool_ref(mcp_id: str, name: str, tool_class: ToolClass) -> CapabilityRef:
    """Return the reference of a tool by its canonical name."""
    return CapabilityRef(mcp_id, CapabilityKind.TOOL, name, tool_class)
