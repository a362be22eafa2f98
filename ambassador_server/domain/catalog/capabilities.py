"""Capabilities: what an MCP offers, each a tool, a resource or a prompt, and the names that policy and audit use."""

from dataclasses import dataclass
from enum import StrEnum

from ambassador_server.domain.catalog.mcps import Mcp, Tool, ToolClass, canonical_name


class CapabilityKind(StrEnum):
    """What can be granted, called, read and recorded; each word is also the resource kind of an audit event."""

    TOOL = "tool"
    RESOURCE = "resource"
    PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class CapabilityRef:
    """The capability that a decision is about.

    `name` is the canonical name: `mcp.tool`, `mcp.prompt`, or the MCP's own URI, or template of URIs, of a resource.
    `tool_class` and `digest`, that of the definition that is offered, are None for resources and prompts.
    """

    mcp_id: str
    kind: CapabilityKind
    name: str
    tool_class: ToolClass | None = None
    digest: str | None = None


def tool_ref(mcp: Mcp, tool: Tool) -> CapabilityRef:
    """Return the reference of a tool as its downstream offers it."""
    return CapabilityRef(
        mcp.mcp_id, CapabilityKind.TOOL, canonical_name(mcp.name, tool.name), tool.tool_class, tool.digest
    )


def prompt_ref(mcp: Mcp, name: str) -> CapabilityRef:
    """Return the reference of a prompt by its own name."""
    return CapabilityRef(mcp.mcp_id, CapabilityKind.PROMPT, canonical_name(mcp.name, name))


def resource_ref(mcp: Mcp, uri: str) -> CapabilityRef:
    """Return the reference of a resource, or of a template of resources, by the MCP's own URI."""
    return CapabilityRef(mcp.mcp_id, CapabilityKind.RESOURCE, uri)
