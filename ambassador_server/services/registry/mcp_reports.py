"""Reports about catalog entries: their configuration and the state of their downstreams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ambassador_server.domain.catalog.approved_tools import (
    Approval,
    ToolComparison,
    compare_tools,
    set_digest,
)
from ambassador_server.domain.catalog.injection_cues import NO_FINDINGS, Findings
from ambassador_server.domain.catalog.mcps import (
    Broadcast,
    DownstreamActivity,
    DownstreamState,
    Mcp,
    McpStatus,
    OutputLine,
    Pin,
    Tool,
    ToolClass,
    canonical_name,
)
from ambassador_server.domain.catalog.offers import ListedResource, ResourceTemplate
from ambassador_server.domain.shared.large_documents import off_loop
from ambassador_server.domain.shared.listing import Field, InMemoryList, Listing, Slice
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import Store
from ambassador_server.services.calls.broadcast_index import Participation
from ambassador_server.services.calls.broadcasts import Broadcasts
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogIndex
from ambassador_server.services.calls.published_tools import published_tool
from ambassador_server.services.changes.lookups import find_mcp
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.broadcast_rules import broadcast_warnings
from ambassador_server.services.registry.credential_warnings import warnings_about
from ambassador_server.services.registry.definition_findings import (
    findings_of,
    names_of_tools,
    renamed_tools,
)
from ambassador_server.services.registry.transform_rules import transform_warnings


@dataclass(frozen=True, slots=True, kw_only=True)
class McpReport:
    """An entry, the state of its downstream, the activity of its connections, and the sandbox of its program.

    `waiting` counts the tools that wait for an approval. `approved_set` and `offered_set` are the digests of all the
    definitions that are approved and offered. `warnings` are about what the entry declares.
    """

    mcp: Mcp
    state: DownstreamState
    activity: DownstreamActivity
    sandbox: str | None
    waiting: int
    approved_set: str | None
    offered_set: str | None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """A tool that is offered or approved, as hosts get it, and as its downstream offers it.

    `published` is empty while no published entry offers it, or while it is hidden. `changed` names the members of its
    transforms. `findings` are about what its downstream offers. `broadcast_as` is the name under which it is called
    together with others, `not_broadcast` why it is not, although its MCP broadcasts.
    """

    name: str
    published: str
    tool: Tool
    offered: Tool
    approval: Approval
    hidden: bool = False
    changed: tuple[str, ...] = ()
    findings: Findings = NO_FINDINGS
    broadcast_as: str = ""
    not_broadcast: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceReport:
    """A resource or a template of resources that a published entry offers; `uri` is its own."""

    uri: str
    published: str
    is_template: bool
    name: str
    mime_type: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReport:
    """A prompt that a published entry offers, by its canonical name."""

    name: str
    published: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionReport:
    """A tool that waits for an approval, with both definitions; `approved` is None if there is none.

    `renamed_from` or `renamed_to` is set if one tool took the place of another with the same definition but for the
    name. `findings` are about what is offered.
    """

    compared: ToolComparison
    approved: Tool | None
    findings: Findings
    renamed_from: str | None
    renamed_to: str | None


_NAME: Field[ToolReport] = Field(lambda report: report.name)
_TOOLS: InMemoryList[ToolReport] = InMemoryList(
    noun="tool",
    fields={
        "name": _NAME,
        "published_as": Field(lambda report: report.published),
        "tool_class": Field(lambda report: report.tool.tool_class, values=list(ToolClass)),
        "approval": Field(lambda report: report.approval, values=list(Approval)),
        "own_name": Field(lambda report: report.offered.name),
        "hidden": Field(lambda report: str(report.hidden).lower(), values=("false", "true")),
        "changed": Field(lambda report: report.changed, sorts=False),
    },
    order=_NAME,
    item_id=lambda report: report.offered.name,
)


_URI: Field[ResourceReport] = Field(lambda report: report.uri)
_RESOURCES: InMemoryList[ResourceReport] = InMemoryList(
    noun="resource",
    fields={
        "uri": _URI,
        "published_as": Field(lambda report: report.published),
        "template": Field(lambda report: str(report.is_template).lower(), values=("false", "true")),
        "name": Field(lambda report: report.name),
        "mime_type": Field(lambda report: report.mime_type),
    },
    order=_URI,
    item_id=lambda report: report.published,
)
_PROMPT_NAME: Field[PromptReport] = Field(lambda report: report.name)
_PROMPTS: InMemoryList[PromptReport] = InMemoryList(
    noun="prompt",
    fields={"name": _PROMPT_NAME, "published_as": Field(lambda report: report.published)},
    order=_PROMPT_NAME,
    item_id=lambda report: report.name,
)


class McpReports:
    """Reads entries and changes nothing."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        downstreams: Downstreams,
        catalog: Catalog,
        broadcasts: Broadcasts,
    ) -> None:
        self._store = store
        self._policy = policy
        self._downstreams = downstreams
        self._catalog = catalog
        self._broadcasts = broadcasts

    def of(self, mcp: Mcp) -> McpReport:
        """Return the report about an entry."""
        state = self._downstreams.state(mcp.mcp_id)
        approved = self._policy.snapshot.approved.get(mcp.mcp_id)
        is_published = mcp.status is McpStatus.PUBLISHED
        return McpReport(
            mcp=mcp,
            state=state,
            activity=self._downstreams.activity(mcp.mcp_id),
            sandbox=self._downstreams.sandbox(mcp),
            waiting=self._count_waiting(mcp),
            approved_set=None if approved is None else approved.set_digest,
            offered_set=set_digest(tool.digest for tool in state.tools) if is_published else None,
            warnings=[
                *warnings_about(mcp, state),
                *transform_warnings(mcp, state.tools),
                *broadcast_warnings(mcp, state),
            ],
        )

    def waiting(self) -> dict[str, int]:
        """Return how many tools wait for an approval, by the name of the MCP; leaves out those without any."""
        counts = {mcp.name: self._count_waiting(mcp) for mcp in self._policy.snapshot.mcps.values()}
        return {name: count for name, count in sorted(counts.items()) if count}

    async def get(self, name: str) -> McpReport:
        """Return the report about the entry of this name, or raise NotFoundError."""
        return self.of(await self._entry(name))

    async def page(self, listing: Listing) -> Slice[McpReport]:
        """Return reports about one page of the entries."""
        async with self._store.read() as work:
            found = await work.mcps.page(listing)
        return Slice(items=tuple(map(self.of, found.items)), following=found.following, total=found.total)

    async def tools(self, name: str, listing: Listing) -> Slice[ToolReport]:
        """Return one page of the tools that a published entry offers or that are approved."""
        mcp = await self._entry(name)
        if mcp.status is not McpStatus.PUBLISHED:
            return _TOOLS.page((), listing)
        async with self._store.read() as work:
            approved = await work.approved_definitions.get(mcp.mcp_id)
        published = self._catalog.published_names(mcp.mcp_id)
        found = _TOOLS.page(_reports(mcp, self._compare(mcp), approved, published), listing)
        items = await self._searched(mcp, found.items)
        if mcp.broadcast is not Broadcast.OFF:
            index = self._broadcasts.index(self._catalog.index())
            items = [_with_broadcast(each, index.participation(mcp, each.tool)) for each in items]
        return replace(found, items=tuple(items))

    async def resources(self, name: str, listing: Listing) -> Slice[ResourceReport]:
        """Return one page of the resources and templates that a published entry offers."""
        mcp = await self._entry(name)
        index, state = self._catalog.index(), self._downstreams.state(mcp.mcp_id)
        described: dict[str, ListedResource | ResourceTemplate] = {each.uri: each for each in state.resources}
        templates = {each.uri_template: each for each in state.templates}
        offered = [
            *((entry, described.get(entry.name), False) for entry in index.resources),
            *((entry, templates.get(entry.name), True) for entry in index.templates),
        ]
        found = (
            ResourceReport(
                uri=entry.name,
                published=entry.published,
                is_template=is_template,
                name=each.name,
                mime_type=each.mime_type,
                description=each.description,
            )
            for entry, each, is_template in offered
            if each is not None and entry.ref.mcp_id == mcp.mcp_id
        )
        return _RESOURCES.page(found, listing)

    async def prompts(self, name: str, listing: Listing) -> Slice[PromptReport]:
        """Return one page of the prompts that a published entry offers."""
        mcp = await self._entry(name)
        described = {each.name: each.description for each in self._downstreams.state(mcp.mcp_id).prompts}
        found = (
            PromptReport(
                name=entry.ref.name,
                published=entry.published,
                description=described.get(entry.name, ""),
            )
            for entry in self._catalog.index().prompts
            if entry.ref.mcp_id == mcp.mcp_id
        )
        return _PROMPTS.page(found, listing)

    async def offered(self, mcp: Mcp, tools: Iterable[Tool]) -> list[ToolReport]:
        """Return reports about tools that a test of the connection has found."""
        found = compare_tools(self._policy.snapshot.approved.get(mcp.mcp_id), tools)
        reports = _reports(mcp, [each for each in found if each.offered is not None], (), {})
        return await self._searched(mcp, reports)

    async def definitions(self, name: str) -> list[DefinitionReport]:
        """Return the tools that wait for an approval, each with the approved definition and what was found in it."""
        mcp = await self._entry(name)
        waiting = self._waiting(mcp)
        if not waiting:
            return []
        async with self._store.read() as work:
            approved = {tool.name: tool for tool in await work.approved_definitions.get(mcp.mcp_id)}
        # Many or large definitions take more time than a turn of the event loop may.
        return await off_loop(_definition_reports, mcp, waiting, approved, self._catalog.index())

    async def output(self, name: str, lines: int) -> list[OutputLine]:
        """Return the last lines, apart from MCP, that each connection of an entry wrote, oldest first and masked."""
        mcp = await self._entry(name)
        written = groupby(self._downstreams.recent_output(mcp.mcp_id), key=lambda line: line.user_id)
        return [line for _, connection in written for line in list(connection)[-lines:]]

    async def _searched(self, mcp: Mcp, reports: Sequence[ToolReport]) -> list[ToolReport]:
        """Return the reports with what was found in each definition that is offered."""
        return await off_loop(_with_findings, mcp, reports, self._catalog.index())

    def _compare(self, mcp: Mcp) -> list[ToolComparison]:
        offered = self._downstreams.state(mcp.mcp_id).tools
        return compare_tools(self._policy.snapshot.approved.get(mcp.mcp_id), offered)

    def _waiting(self, mcp: Mcp) -> list[ToolComparison]:
        if mcp.status is not McpStatus.PUBLISHED:
            return []
        return [each for each in self._compare(mcp) if each.approval is not Approval.APPROVED]

    def _count_waiting(self, mcp: Mcp) -> int:
        return 0 if mcp.pin is Pin.OFF else len(self._waiting(mcp))

    async def _entry(self, name: str) -> Mcp:
        async with self._store.read() as work:
            return await find_mcp(work, name)


def _with_broadcast(report: ToolReport, found: Participation) -> ToolReport:
    if not report.published:
        return report
    return replace(report, broadcast_as=found.name, not_broadcast=found.reason)


def _with_findings(mcp: Mcp, reports: Sequence[ToolReport], index: CatalogIndex) -> list[ToolReport]:
    names = names_of_tools(index)
    return [
        each
        if each.approval is Approval.GONE
        else replace(each, findings=findings_of(mcp.name, each.offered, names))
        for each in reports
    ]


def _definition_reports(
    mcp: Mcp, waiting: Sequence[ToolComparison], approved: Mapping[str, Tool], index: CatalogIndex
) -> list[DefinitionReport]:
    names, renamed_from = names_of_tools(index), renamed_tools(waiting, approved)
    renamed_to = {old: new for new, old in renamed_from.items()}
    return [
        DefinitionReport(
            compared=each,
            approved=approved.get(each.name),
            findings=NO_FINDINGS if each.offered is None else findings_of(mcp.name, each.offered, names),
            renamed_from=renamed_from.get(each.name),
            renamed_to=renamed_to.get(each.name),
        )
        for each in waiting
    ]


def _reports(
    mcp: Mcp, compared: Iterable[ToolComparison], approved: Iterable[Tool], published: Mapping[str, str]
) -> list[ToolReport]:
    known = {tool.name: tool for tool in approved}
    tools = ((each, each.offered or known.get(each.name)) for each in compared)
    return [
        _report(mcp, tool, each.approval, published.get(each.name, ""))
        for each, tool in tools
        if tool is not None
    ]


def _report(mcp: Mcp, tool: Tool, approval: Approval, published: str) -> ToolReport:
    found, transform = published_tool(mcp, tool), mcp.transforms.of(tool.name)
    changed = tool if found is None else found.tool
    return ToolReport(
        name=canonical_name(mcp.name, changed.name),
        published=published,
        tool=changed,
        offered=tool,
        approval=approval,
        hidden=found is None or not mcp.transforms.is_offered(tool.name),
        changed=() if transform is None else transform.changed,
    )
