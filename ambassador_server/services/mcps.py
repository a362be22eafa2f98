"""The catalog of MCPs: adding, publishing, looking at them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ambassador_server.domain.audit import AuditAction, Resource
from ambassador_server.domain.catalog import ArgumentPolicy, Isolation, Mcp, McpStatus, Tool, check_mcp_name
from ambassador_server.domain.listing import Listing, Slice
from ambassador_server.domain.names import check_name, check_text
from ambassador_server.domain.redaction import mask_options
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import Downstreams, OutputLine
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes import Changes, Requester

_MAX_TIMEOUT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class McpDraft:
    """What an administrator says about a new entry."""

    name: str
    transport: str
    options: Mapping[str, Any]
    display_name: str | None
    description: str
    tags: tuple[str, ...]
    arguments: ArgumentPolicy
    call_timeout_seconds: float
    isolation: Isolation


class Mcps:
    """One public method per thing an administrator can ask for."""

    def __init__(self, *, store: Store, changes: Changes, downstreams: Downstreams, clock: Clock) -> None:
        self._store = store
        self._changes = changes
        self._downstreams = downstreams
        self._clock = clock

    async def add(self, requester: Requester, draft: McpDraft) -> Mcp:
        """Add a draft entry; its options are checked for sense, it is not connected yet."""
        if not 0 < draft.call_timeout_seconds <= _MAX_TIMEOUT_SECONDS:
            raise InvalidInputError(
                f"The call timeout must lie between 0 and {_MAX_TIMEOUT_SECONDS:.0f} seconds."
            )
        now = self._clock.now()
        mcp = Mcp(
            mcp_id=str(uuid.uuid4()),
            name=check_mcp_name(draft.name),
            display_name=check_text("display name", draft.display_name or draft.name),
            description=check_text("description", draft.description),
            transport=draft.transport,
            options=draft.options,
            tags=tuple(check_name("tag", tag) for tag in draft.tags),
            status=McpStatus.DRAFT,
            arguments=draft.arguments,
            call_timeout_seconds=draft.call_timeout_seconds,
            created_at=now,
            updated_at=now,
            isolation=draft.isolation,
        )
        self._downstreams.check(mcp)
        async with self._changes.open(requester) as change:
            await change.work.mcps.add(mcp)
            change.record(
                AuditAction.MCP_CREATE,
                mcp_resource(mcp),
                transport=mcp.transport,
                isolation=mcp.isolation,
                options=mask_options(mcp.options),
            )
        return mcp

    async def publish(self, requester: Requester, name: str) -> Mcp:
        """Connect, list the tools, and open the entry to those who have a grant.

        Raises DownstreamUnavailableError or DownstreamTimeoutError when it does not answer: nothing is published then.
        """
        draft = await self.get(name)
        if draft.status is McpStatus.PUBLISHED:
            raise ConflictError(f"MCP {name!r} is published already")
        tools = await self._downstreams.probe(draft)
        async with self._changes.open(requester) as change:
            mcp = replace(
                await find_mcp(change.work, name), status=McpStatus.PUBLISHED, updated_at=self._clock.now()
            )
            await change.work.mcps.replace(mcp)
            await change.work.tools.put(mcp.mcp_id, tools)
            change.record(AuditAction.MCP_PUBLISH, mcp_resource(mcp), tools=[tool.name for tool in tools])
        return mcp

    async def archive(self, requester: Requester, name: str) -> Mcp:
        """Take an entry out of service: its tools are gone from the next call on; it can be published again."""
        async with self._changes.open(requester) as change:
            before = await find_mcp(change.work, name)
            if before.status is not McpStatus.PUBLISHED:
                raise ConflictError(f"MCP {name!r} is not published")
            mcp = replace(before, status=McpStatus.ARCHIVED, updated_at=self._clock.now())
            await change.work.mcps.replace(mcp)
            change.record(AuditAction.MCP_ARCHIVE, mcp_resource(mcp))
        return mcp

    async def restart(self, requester: Requester, name: str) -> Mcp:
        """Stop and start every connection of an entry; calls in flight fail. Raises ConflictError unless published."""
        async with self._changes.open(requester) as change:
            mcp = await find_mcp(change.work, name)
            if mcp.status is not McpStatus.PUBLISHED:
                raise ConflictError(f"MCP {name!r} is not published")
            change.record(AuditAction.MCP_RESTART, mcp_resource(mcp))
        self._downstreams.restart(mcp.mcp_id)
        return mcp

    async def output(self, name: str, lines: int) -> list[OutputLine]:
        """Return the last lines that each connection of an entry wrote besides MCP, oldest first, secrets masked."""
        mcp = await self.get(name)
        written = groupby(self._downstreams.recent_output(mcp.mcp_id), key=lambda line: line.user_id)
        return [line for _, connection in written for line in list(connection)[-lines:]]

    async def remove(self, requester: Requester, name: str) -> None:
        """Delete an entry that is not published, with its grants. Raises ConflictError for one that is."""
        async with self._changes.open(requester) as change:
            mcp = await find_mcp(change.work, name)
            if mcp.status is McpStatus.PUBLISHED:
                raise ConflictError(f"MCP {name!r} is published; archive it first")
            await change.work.mcps.remove(mcp.mcp_id)
            change.record(AuditAction.MCP_REMOVE, mcp_resource(mcp))

    async def test(self, name: str) -> tuple[Tool, ...]:
        """Connect to an entry apart from the running ones and return its tools; nothing changes."""
        return await self._downstreams.probe(await self.get(name))

    async def get(self, name: str) -> Mcp:
        """Return one entry."""
        async with self._store.read() as work:
            return await find_mcp(work, name)

    async def page(self, listing: Listing) -> Slice[Mcp]:
        """Return one page of the entries."""
        async with self._store.read() as work:
            return await work.mcps.page(listing)


def mcp_resource(mcp: Mcp) -> Resource:
    """Name an entry for the audit."""
    return Resource(kind="mcp", id=mcp.mcp_id, name=mcp.name)


async def find_mcp(work: UnitOfWork, name: str) -> Mcp:
    """Return the entry of this name, or raise NotFoundError."""
    mcp = await work.mcps.by_name(name)
    if mcp is None:
        raise NotFoundError(f"No MCP {name!r}")
    return mcp
