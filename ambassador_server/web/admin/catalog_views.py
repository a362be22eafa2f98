"""Converts catalog entries, their tools and their output to wire bodies."""

from ambassador_protocol.admin.mcps import (
    DefinitionView,
    FindingView,
    LeftOutToolView,
    McpView,
    OutputView,
    PromptView,
    ResourceView,
    ToolView,
)
from ambassador_server.domain.catalog.injection_cues import Findings
from ambassador_server.domain.catalog.mcps import OutputLine, Tool
from ambassador_server.domain.policy.pattern_spelling import spell_name
from ambassador_server.domain.policy.uri_spelling import spell_uri
from ambassador_server.domain.secrets.option_masking import mask_options
from ambassador_server.services.administration.names import Names
from ambassador_server.services.registry.mcp_reports import (
    DefinitionReport,
    McpReport,
    PromptReport,
    ResourceReport,
    ToolReport,
)
from ambassador_server.web.timestamps import optional_timestamp, timestamp


def mcp_view(report: McpReport) -> McpView:
    """Convert a catalog entry and the state of its downstream."""
    mcp, state, activity = report.mcp, report.state, report.activity
    failure = state.last_failure
    return McpView(
        name=mcp.name,
        display_name=mcp.display_name,
        description=mcp.description,
        transport=mcp.transport,
        options=dict(mask_options(mcp.options)),
        tags=list(mcp.tags),
        arguments=mcp.arguments,
        call_timeout_seconds=mcp.call_timeout_seconds,
        max_in_flight=mcp.max_in_flight,
        breaker_failures=mcp.breaker_failures,
        grace_seconds=mcp.grace_seconds,
        isolation=mcp.isolation,
        pin=mcp.pin,
        prefixed=mcp.prefixed,
        sessions=mcp.sessions,
        broadcast=mcp.broadcast,
        credentials=mcp.credentials.members,
        transforms=mcp.transforms.members,
        status=mcp.status,
        state=state.status,
        error=state.error,
        last_error=None if failure is None else failure.error,
        last_error_at=None if failure is None else timestamp(failure.at),
        tools=len(state.tools),
        resources=len(state.resources) + len(state.templates),
        prompts=len(state.prompts),
        waiting=report.waiting,
        approved_set=report.approved_set,
        offered_set=report.offered_set,
        tools_left_out=state.report.left_out_count,
        left_out=[LeftOutToolView(name=each.name, reason=each.reason) for each in state.report.left_out],
        warnings=[*state.report.warnings, *report.warnings],
        breaker=activity.breaker,
        next_probe_at=optional_timestamp(activity.next_probe_at),
        withdrawn=state.withdrawn,
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


def tool_view(report: ToolReport) -> ToolView:
    """Convert a tool."""
    return ToolView(
        name=report.name,
        pattern=spell_name(report.name),
        published_as=report.published,
        tool_class=report.tool.tool_class,
        approval=report.approval,
        description=report.tool.description,
        own_name=report.offered.name,
        own_tool_class=report.offered.tool_class,
        own_description=report.offered.description,
        hidden=report.hidden,
        changed=list(report.changed),
        broadcast_as=report.broadcast_as,
        not_broadcast=report.not_broadcast,
        findings=_findings(report.findings),
        findings_left_out=report.findings.left_out,
    )


def resource_view(report: ResourceReport) -> ResourceView:
    """Convert a resource or a template of resources."""
    return ResourceView(
        uri=report.uri,
        pattern=spell_uri(report.uri),
        published_as=report.published,
        template=report.is_template,
        name=report.name,
        mime_type=report.mime_type,
        description=report.description,
    )


def prompt_view(report: PromptReport) -> PromptView:
    """Convert a prompt."""
    return PromptView(
        name=report.name,
        pattern=spell_name(report.name),
        published_as=report.published,
        description=report.description,
    )


def definition_view(report: DefinitionReport) -> DefinitionView:
    """Convert a tool that waits for an approval."""
    compared = report.compared
    return DefinitionView(
        tool=compared.name,
        approval=compared.approval,
        approved_digest=compared.approved,
        offered_digest=None if compared.offered is None else compared.offered.digest,
        approved=_definition(report.approved),
        offered=_definition(compared.offered),
        renamed_from=report.renamed_from,
        renamed_to=report.renamed_to,
        findings=_findings(report.findings),
        findings_left_out=report.findings.left_out,
    )


def _findings(findings: Findings) -> list[FindingView]:
    return [FindingView(place=each.place, cue=each.cue, excerpt=each.excerpt) for each in findings.first]


def _definition(tool: Tool | None) -> str | None:
    return None if tool is None else tool.definition.decode(errors="backslashreplace")
