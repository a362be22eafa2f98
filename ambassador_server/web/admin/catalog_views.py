"""Converts catalog entries, their tools and their output to wire bodies."""

from ambassador_protocol.admin.mcps import McpView, OutputView, ToolView
from ambassador_server.domain.catalog.mcps import (
    OutputLine,
    Tool,
    canonical_name,
)
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.services.administration.names import Names
from ambassador_server.services.calls.catalog import CatalogEntry
from ambassador_server.services.registry.mcp_reports import McpReport
from ambassador_server.web.timestamps import timestamp


def mcp_view(report: McpReport) -> McpView:
    """Convert a catalog entry and the state of its downstream."""
    mcp, state, activity = report.mcp, report.state, report.activity
    return McpView(
        name=mcp.name,
        display_name=mcp.display_name,
        description=mcp.description,
        transport=mcp.transport,
        options=dict(mask_options(mcp.options)),
        tags=list(mcp.tags),
        arguments=mcp.arguments,
        call_timeout_seconds=mcp.call_timeout_seconds,
        isolation=mcp.isolation,
        status=mcp.status,
        state=state.status,
        error=state.error,
        tools=len(state.tools),
        connections=activity.connections,
        calls_in_flight=activity.in_flight,
        restarts=activity.restarts,
        sandbox=report.sandbox,
        owner=mcp.owner,
        created_at=timestamp(mcp.created_at),
    )


def output_view(line: OutputLine, names: Names) -> OutputView:
    """Convert a line of output of a downstream."""
    user = None if line.user_id is None else names.user(line.user_id) or line.user_id
    return OutputView(user=user, text=line.text)


def tool_view(entry: CatalogEntry) -> ToolView:
    """Convert a tool."""
    return ToolView(
        name=entry.ref.name,
        published_as=entry.published,
        tool_class=entry.tool.tool_class,
        description=entry.tool.description,
    )


def offered_tool_view(mcp_name: str, tool: Tool) -> ToolView:
    """Convert a tool that a downstream offers, published or not."""
    return ToolView(
        name=canonical_name(mcp_name, tool.name),
        published_as="",
        tool_class=tool.tool_class,
        description=tool.description,
    )
