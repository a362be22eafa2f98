"""Warns administrators of what the broadcasts of an entry mean."""

from ambassador_server.domain.catalog.mcps import Broadcast, DownstreamState, Mcp, ToolClass
from ambassador_server.services.calls.published_tools import published_tools


def broadcast_warnings(mcp: Mcp, state: DownstreamState) -> list[str]:
    """Return a warning if one call can reach destructive tools of the entry and of others."""
    if mcp.broadcast is not Broadcast.ALL:
        return []
    classes = [each.tool.tool_class for each in published_tools(mcp, state.tools)]
    count = classes.count(ToolClass.DESTRUCTIVE)
    if not count:
        return []
    return [f"One call can reach its destructive tools ({count}) together with those of other MCPs."]
