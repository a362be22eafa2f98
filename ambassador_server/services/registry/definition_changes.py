"""Records tool definitions that differ from the approved ones, and approves those of entries without an approval."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ambassador_server.domain.audit.events import SYSTEM, AuditAction, Outcome
from ambassador_server.domain.audit.resources import mcp_resource
from ambassador_server.domain.catalog.approved_tools import Approval, ToolComparison, compare_tools
from ambassador_server.domain.catalog.mcps import McpStatus, Pin, Tool
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.approvals import difference, put_approved, set_digests

_MOST_RECORDED = 100
"""How many tools one event names; it counts them all."""
_MOST_REMEMBERED = 10_000


class DefinitionChanges:
    """What happens when a downstream offers tools that nobody has approved."""

    def __init__(self, *, store: Store, policy: PolicyKeeper, recorder: Recorder, clock: Clock) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder
        self._clock = clock
        self._recorded: defaultdict[str, set[tuple[str, str | None]]] = defaultdict(set)

    def record(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        """Record the differences of a list that was just read; each is recorded once while the server runs."""
        snapshot = self._policy.snapshot
        mcp, approved = snapshot.mcps.get(mcp_id), snapshot.approved.get(mcp_id)
        if mcp is None or approved is None or mcp.pin is Pin.OFF:
            return
        differing = {
            _identity(each): each
            for each in compare_tools(approved, tools)
            if each.approval is not Approval.APPROVED
        }
        recorded = self._recorded[mcp_id]
        unrecorded = [each for identity, each in differing.items() if identity not in recorded]
        if not unrecorded:
            return
        if len(recorded) > _MOST_REMEMBERED:
            recorded.clear()
        recorded.update(differing)
        _ = self._recorder.event(
            AuditAction.DEFINITION_CHANGE,
            Outcome.SUCCEEDED,
            resource=mcp_resource(mcp),
            details={
                "tools": len(unrecorded),
                "differences": [difference(each) for each in unrecorded[:_MOST_RECORDED]],
                **set_digests(approved, tools),
            },
        )

    async def trust(self, lists: Mapping[str, Sequence[Tool]]) -> None:
        """Approve the first known tools of published entries that have no approval, once and on record.

        These are entries of versions of this server that knew no approval.
        """
        approved = self._policy.snapshot.approved
        lists = {mcp_id: tools for mcp_id, tools in lists.items() if mcp_id not in approved}
        if not lists:
            return
        async with self._store.write() as work:
            # After an upgrade these are all entries: they are read at once.
            entries = {mcp.mcp_id: mcp for mcp in await work.mcps.all() if mcp.status is McpStatus.PUBLISHED}
            decided = {each.mcp_id for each in await work.approved.all()}
            for mcp_id in lists.keys() & entries.keys() - decided:
                at, by = self._clock.now(), SYSTEM.name or SYSTEM.kind
                differences = await put_approved(work, entries[mcp_id], lists[mcp_id], at=at, by=by)
                await self._recorder.event(
                    AuditAction.DEFINITION_TRUST,
                    Outcome.SUCCEEDED,
                    resource=mcp_resource(entries[mcp_id]),
                    details=differences,
                )
        await self._policy.refresh()


def _identity(compared: ToolComparison) -> tuple[str, str | None]:
    return compared.name, None if compared.offered is None else compared.offered.digest
