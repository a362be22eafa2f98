"""Approves tool definitions that are new, changed or gone, and stores what is approved."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.approved_tools import (
    Approval,
    ApprovedTools,
    ToolComparison,
    compare_tools,
    set_digest,
)
from ambassador_server.domain.catalog.mcps import Mcp, McpStatus, Tool
from ambassador_server.domain.policy.pattern_spelling import near_names
from ambassador_server.errors import Advice, ChangedMeanwhileError, ConflictError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.lookups import find_mcp


class Approvals:
    """The use case of administrators for definitions that wait."""

    def __init__(self, *, changes: Changes, downstreams: Downstreams, clock: Clock) -> None:
        self._changes = changes
        self._downstreams = downstreams
        self._clock = clock

    async def approve(self, requester: Requester, name: str, digests: Mapping[str, str | None]) -> Mcp:
        """Approve the definitions with these digests, by tool; None approves that a tool is gone.

        So an administrator approves what they have seen: raises ChangedMeanwhileError if this server is offered
        something else now, NotFoundError for a tool that is neither offered nor approved, and ConflictError if the
        entry is not published.
        """
        async with self._changes.open(requester) as change:
            mcp = await find_mcp(change.work, name)
            if mcp.status is not McpStatus.PUBLISHED:
                raise ConflictError(f"MCP {name!r} is not published; publishing it approves its tools")
            offered = {tool.name: tool for tool in self._downstreams.state(mcp.mcp_id).tools}
            wanted = {tool.name: tool for tool in await change.work.approved_definitions.get(mcp.mcp_id)}
            for tool, digest in digests.items():
                _check_known(mcp, tool, [*offered, *wanted])
                found = offered.get(tool)
                if (None if found is None else found.digest) != digest:
                    raise ChangedMeanwhileError(
                        f"Tool {tool!r} of MCP {name!r} is not what you looked at", advice=Advice.READ_AGAIN
                    )
                if found is None:
                    wanted.pop(tool, None)
                else:
                    wanted[tool] = found
            approved = await put_approved(
                change.work, mcp, [*wanted.values()], at=self._clock.now(), by=author_of(requester)
            )
            if approved["approved"]:
                change.record(AuditAction.MCP_APPROVE, mcp_resource(mcp), **approved)
        return mcp


def author_of(requester: Requester) -> str:
    """Return the name that an approval is stored with."""
    return requester.actor.name or requester.actor.kind


async def put_approved(
    work: UnitOfWork, mcp: Mcp, tools: Sequence[Tool], *, at: datetime, by: str
) -> dict[str, Any]:
    """Approve exactly these tools of an entry, and return for the audit what differs from before, and both sets."""
    before = await work.approved.get(mcp.mcp_id)
    after = ApprovedTools(
        mcp_id=mcp.mcp_id,
        digests={tool.name: tool.digest for tool in tools},
        approved_at=at,
        approved_by=by,
    )
    if before is None:
        await work.approved.add(after)
    elif before.digests != after.digests:
        await work.approved.replace(after)
    await work.approved_definitions.put(mcp.mcp_id, tools)
    differing = [each for each in compare_tools(before, tools) if each.approval is not Approval.APPROVED]
    return {"approved": [difference(each) for each in differing], **set_digests(before, tools)}


def set_digests(before: ApprovedTools | None, tools: Iterable[Tool]) -> dict[str, Any]:
    """Return the details of an audit event about a set of definitions: its digests before and after."""
    return {
        "set_before": None if before is None else before.set_digest,
        "set_after": set_digest(tool.digest for tool in tools),
    }


def difference(compared: ToolComparison) -> dict[str, Any]:
    """Return the details of an audit event about one tool that differs: the digests of both definitions."""
    offered = compared.offered
    return {
        "tool": compared.name,
        "difference": compared.approval,
        "before": compared.approved,
        "after": None if offered is None else offered.digest,
    }


def _check_known(mcp: Mcp, tool: str, known: Sequence[str]) -> None:
    if tool not in known:
        raise NotFoundError(f"MCP {mcp.name!r} has no tool {tool!r}{near_names(tool, known)}")
