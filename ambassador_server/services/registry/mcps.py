"""Catalog entries: adding, changing, testing, publishing, archiving and removing."""

import uuid
from dataclasses import replace
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Mcp, McpStatus, Tool, check_mcp_name
from ambassador_server.domain.catalog.published_names import check_not_own
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.revision import ExpectedRevisions, check_revision
from ambassador_server.errors import ChangedMeanwhileError, ConflictError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes.audited_change import Change, Changes
from ambassador_server.services.changes.kill_switches import check_not_stopped
from ambassador_server.services.changes.limited_objects import check_not_limited
from ambassador_server.services.changes.lookups import find_mcp
from ambassador_server.services.changes.writing import Written, differences, write
from ambassador_server.services.registry.approvals import author_of, put_approved
from ambassador_server.services.registry.connection_tests import (
    NO_VALUES,
    ConnectionTests,
    OneTimeValues,
    lacking_for_test,
)
from ambassador_server.services.registry.credential_rules import check_needs
from ambassador_server.services.registry.credential_warnings import asked_again, check_provider
from ambassador_server.services.registry.execution import Execution
from ambassador_server.services.registry.mcp_spec import (
    EVENTS,
    McpSpec,
    connection_differs,
    hidden_changes,
    masked,
    needs_test,
)
from ambassador_server.services.registry.open_grants import check_grants_ended
from ambassador_server.services.registry.transform_rules import TransformRules

_CALL_TIMEOUT_SECONDS = 60.0


class Mcps:
    """The use cases of administrators for catalog entries."""

    def __init__(
        self,
        *,
        store: Store,
        changes: Changes,
        downstreams: Downstreams,
        tests: ConnectionTests,
        execution: Execution,
        transforms: TransformRules,
        clock: Clock,
    ) -> None:
        self._store = store
        self._changes = changes
        self._downstreams = downstreams
        self._tests = tests
        self._execution = execution
        self._transforms = transforms
        self._clock = clock

    async def add(self, requester: Requester, name: str, spec: McpSpec) -> Mcp:
        """Add a draft entry; its options are validated, but no connection is made."""
        async with self._changes.open(requester) as change:
            mcp = self._after(None, name, spec)
            await check_provider(change, mcp)
            await self._transforms.check(change, None, mcp)
            return (await write(change, change.work.mcps, None, mcp, EVENTS)).item

    async def put(
        self,
        requester: Requester,
        name: str,
        spec: McpSpec,
        *,
        expected: ExpectedRevisions = None,
        test: bool = True,
        values: OneTimeValues = NO_VALUES,
    ) -> Written[Mcp]:
        """Add a draft entry, or change what `spec` sets; see `update`."""
        async with self._store.read() as work:
            seen = await work.mcps.by_name(name)
        return await self._change(requester, seen, name, spec, expected, test=test, values=values)

    async def update(
        self,
        requester: Requester,
        name: str,
        spec: McpSpec,
        *,
        expected: ExpectedRevisions = None,
        test: bool = True,
        values: OneTimeValues = NO_VALUES,
    ) -> Written[Mcp]:
        """Change what `spec` sets; a published entry is connected again if that is necessary.

        Unless `test` is false, the new connection is tested with `values` before the change is stored, and the tools
        that it offers are approved with it; a dry run connects to nothing. Raises NotFoundError,
        ChangedMeanwhileError unless the entry is as expected, and DownstreamUnavailableError or DownstreamTimeoutError
        if the test fails; then nothing is changed.
        """
        seen = await self._stored(name)
        return await self._change(requester, seen, name, spec, expected, test=test, values=values)

    async def publish(self, requester: Requester, name: str, values: OneTimeValues = NO_VALUES) -> Mcp:
        """Connect to the downstream, list its tools, approve them, and publish the entry to users with a grant.

        An entry to which only users can connect is published untested, unless `values` has what is missing.
        Raises DownstreamUnavailableError or DownstreamTimeoutError if it does not answer; then nothing is published.
        """
        draft = await self._stored(name)
        if draft.status is McpStatus.PUBLISHED:
            raise ConflictError(f"MCP {name!r} is published already")
        tools = await self._tests.run(requester, draft, values)
        async with self._changes.open(requester) as change:
            before = await find_mcp(change.work, name)
            self._execution.check(requester, before)
            _warn_if_untested(change, requester)
            mcp = replace(before, status=McpStatus.PUBLISHED, updated_at=self._clock.now())
            await check_provider(change, mcp)
            await change.work.mcps.replace(mcp)
            approved = await self._approve(change.work, requester, mcp, tools) if tools is not None else {}
            change.record(
                AuditAction.MCP_PUBLISH,
                mcp_resource(mcp),
                **differences(before, mcp, _status),
                tools=[tool.name for tool in tools or ()],
                **({"approved": []} | approved),
                tested=tools is not None,
            )
        return mcp

    async def archive(self, requester: Requester, name: str) -> Mcp:
        """Archive an entry: its tools cannot be called from the next call on; it can be published again."""
        async with self._changes.open(requester) as change:
            before = await _find_published(change.work, name)
            mcp = replace(before, status=McpStatus.ARCHIVED, updated_at=self._clock.now())
            await change.work.mcps.replace(mcp)
            change.record(AuditAction.MCP_ARCHIVE, mcp_resource(mcp), **differences(before, mcp, _status))
        return mcp

    async def restart(self, requester: Requester, name: str) -> Mcp:
        """Restart all connections of a published entry; calls in flight fail. Raises ConflictError if not published."""
        async with self._changes.open(requester) as change:
            mcp = await _find_published(change.work, name)
            self._execution.check(requester, mcp)
            change.record(AuditAction.MCP_RESTART, mcp_resource(mcp))
        self._downstreams.restart(mcp.mcp_id)
        return mcp

    async def remove(self, requester: Requester, name: str, *, expected: ExpectedRevisions = None) -> None:
        """Delete an entry, its grants, and what users have given for it.

        Raises ConflictError if it is published, a kill switch or a limit is about it, or users are connected to it by
        OAuth.
        """
        async with self._changes.open(requester) as change:
            mcp = await find_mcp(change.work, name)
            check_revision(masked(mcp), expected)
            if mcp.status is McpStatus.PUBLISHED:
                raise ConflictError(f"MCP {name!r} is published; archive it first")
            await check_not_stopped(
                change.work, SwitchScope.MCP, mcp.mcp_id, self._clock.now(), name=f"MCP {name!r}"
            )
            await check_not_limited(change.work, LimitScope.MCP, mcp.mcp_id, name=f"MCP {name!r}")
            given = await check_grants_ended(change.work, mcp)
            await change.work.mcps.remove(mcp.mcp_id)
            details = {"users_with_values": given} if given else {}
            change.record(AuditAction.MCP_REMOVE, mcp_resource(mcp), before=EVENTS.details(mcp), **details)

    async def test(
        self, requester: Requester, name: str, values: OneTimeValues = NO_VALUES
    ) -> tuple[Mcp, tuple[Tool, ...]]:
        """Make a separate connection to an entry and return it with its tools; nothing is changed.

        Raises ConflictError if only users have what it needs.
        """
        mcp = await self._stored(name)
        tools = await self._tests.run(requester, mcp, values)
        if tools is None:
            lacking = ", ".join(lacking_for_test(mcp.credentials, values))
            raise ConflictError(f"MCP {name!r} cannot be tested: only its users have a value for {lacking}")
        return mcp, tools

    async def _change(
        self,
        requester: Requester,
        seen: Mcp | None,
        name: str,
        spec: McpSpec,
        expected: ExpectedRevisions,
        *,
        test: bool,
        values: OneTimeValues,
    ) -> Written[Mcp]:
        check_revision(None if seen is None else masked(seen), expected)
        planned = self._after(seen, name, spec)
        # Tested before the change is opened, because other writers must not wait for a downstream.
        is_tested = test and needs_test(seen, planned)
        if values and not is_tested:
            raise InvalidInputError("One-time values are for a test, but this change is not tested.")
        tools = await self._tests.run(requester, planned, values) if is_tested else None
        async with self._changes.open(requester) as change:
            before = await change.work.mcps.by_name(name)
            check_revision(None if before is None else masked(before), expected)
            after = self._after(before, name, spec)
            if needs_test(before, after):
                self._execution.check(requester, after)
                _warn_if_untested(change, requester)
                if test and before != seen:
                    raise ChangedMeanwhileError(f"MCP {name!r} was changed while it was being tried")
            if before is None or before.credentials != after.credentials:
                await check_provider(change, after)
            await self._transforms.check(change, before, after)
            details = hidden_changes(before, after)
            if before is not None:
                details |= await asked_again(change, before, after)
            if tools is not None:
                details |= await self._approve(change.work, requester, after, tools)
            written = await write(change, change.work.mcps, before, after, EVENTS, **details)
            return replace(written, warnings=tuple(change.warnings))

    async def _approve(
        self, work: UnitOfWork, requester: Requester, mcp: Mcp, tools: tuple[Tool, ...]
    ) -> dict[str, Any]:
        """Store the tools that a test has found, all of them approved; return what was not approved before."""
        await work.tools.put(mcp.mcp_id, tools)
        return await put_approved(work, mcp, tools, at=self._clock.now(), by=author_of(requester))

    async def _stored(self, name: str) -> Mcp:
        async with self._store.read() as work:
            return await find_mcp(work, name)

    def _after(self, before: Mcp | None, name: str, spec: McpSpec) -> Mcp:
        after = replace(spec.applied(before or self._new(name, spec)), updated_at=self._clock.now())
        if before is None or before.credentials != after.credentials or connection_differs(before, after):
            check_needs(after)
            self._downstreams.check(after)
        return after

    def _new(self, name: str, spec: McpSpec) -> Mcp:
        if spec.transport is None or spec.options is None:
            raise InvalidInputError("A new entry needs a transport and its options.")
        now = self._clock.now()
        return Mcp(
            mcp_id=str(uuid.uuid4()),
            name=check_not_own(check_mcp_name(name)),
            display_name=name,
            description="",
            transport=spec.transport,
            options={},
            tags=(),
            status=McpStatus.DRAFT,
            arguments=ArgumentPolicy.REDACTED,
            call_timeout_seconds=_CALL_TIMEOUT_SECONDS,
            created_at=now,
            updated_at=now,
        )


def _warn_if_untested(change: Change, requester: Requester) -> None:
    if requester.dry_run:
        change.warnings.append("A dry run does not connect to the MCP, so its connection was not tested.")


def _status(mcp: Mcp) -> dict[str, str]:
    return {"status": mcp.status}


async def _find_published(work: UnitOfWork, name: str) -> Mcp:
    mcp = await find_mcp(work, name)
    if mcp.status is not McpStatus.PUBLISHED:
        raise ConflictError(f"MCP {name!r} is not published")
    return mcp
