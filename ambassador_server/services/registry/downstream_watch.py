"""Starts and stops downstreams as the policy says, and records and stores their changes."""

from collections.abc import Iterable, Mapping

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.catalog.mcps import DownstreamStatus, Mcp, McpStatus, Tool
from ambassador_server.domain.people.credentials import state_of
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import DownstreamChange, Downstreams
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.breaker_events import BreakerEvents
from ambassador_server.services.registry.definition_changes import DefinitionChanges

_NOT_RECORDED = frozenset({DownstreamStatus.STARTING, DownstreamStatus.STOPPED})


class DownstreamWatch:
    """Applies policy changes to the downstreams, and records and stores changes of the downstreams."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        recorder: Recorder,
        downstreams: Downstreams,
        clock: Clock,
    ) -> None:
        self._store = store
        self._policy = policy
        self._recorder = recorder
        self._downstreams = downstreams
        self._definitions = DefinitionChanges(store=store, policy=policy, recorder=recorder, clock=clock)
        self._breakers = BreakerEvents(policy=policy, recorder=recorder, clock=clock)
        self._unsaved: dict[str, tuple[Tool, ...]] = {}
        self._applied: Mapping[str, Mcp] = {}
        self._credentials = policy.snapshot.credentials

    async def start(self) -> None:
        """Start the downstreams of published entries, with their last known tools."""
        async with self._store.read() as work:
            last_known = await work.tools.all()
        # Earlier versions stored no digests with these lists, so they are stored again.
        self._unsaved = {each: tools for each, tools in last_known.items() if not self._is_approved(each)}
        await self._definitions.trust(last_known)
        self._applied, self._credentials = self._policy.snapshot.mcps, self._policy.snapshot.credentials
        self._downstreams.subscribe(self._downstream_changed)
        self._downstreams.hide_secrets(self._applied.values())
        self._downstreams.apply(_published(self._applied), last_known)
        self._policy.subscribe(self._policy_changed)

    def _is_approved(self, mcp_id: str) -> bool:
        return mcp_id in self._policy.snapshot.approved

    def _downstream_changed(self, change: DownstreamChange) -> None:
        if change.breaker is not None:
            self._breakers.record(change, change.breaker)
            return
        if change.tools_changed:
            self._unsaved[change.mcp_id] = change.tools
            self._definitions.record(change.mcp_id, change.tools)
        if change.status in _NOT_RECORDED:
            return
        ready = change.status is DownstreamStatus.READY
        _ = self._recorder.event(
            AuditAction.DOWNSTREAM_STATE,
            Outcome.SUCCEEDED if ready else Outcome.FAILED,
            resource=self._breakers.resource(change.mcp_id),
            details={"status": change.status.value, "error": change.error, "tools": len(change.tools)},
        )

    async def save_tools(self) -> None:
        """Store the tools that have changed since the last call, and approve the first ones of an entry without any."""
        unsaved, self._unsaved = self._unsaved, {}
        known = {mcp_id: tools for mcp_id, tools in unsaved.items() if mcp_id in self._policy.snapshot.mcps}
        if not known:
            return
        try:
            async with self._store.write() as work:
                for mcp_id, tools in known.items():
                    await work.tools.put(mcp_id, tools)
            await self._definitions.trust(known)
        except BaseException:
            # The next call stores them; a list that has come meanwhile is newer.
            self._unsaved = known | self._unsaved
            raise

    def _policy_changed(self, snapshot: Snapshot) -> None:
        # A new snapshot shares the maps that did not change with the one before.
        if snapshot.mcps is not self._applied:
            self._applied = snapshot.mcps
            self._downstreams.hide_secrets(self._applied.values())
            self._downstreams.apply(_published(self._applied))
        self._downstreams.retain_users(lambda user_id: _is_active(snapshot, user_id))
        before, self._credentials = self._credentials, snapshot.credentials
        if before is not snapshot.credentials:
            self._downstreams.credentials_changed(
                lambda mcp_id, user_id: (
                    state_of(before.get((user_id, mcp_id)))
                    != state_of(snapshot.credentials.get((user_id, mcp_id)))
                )
            )


def _is_active(snapshot: Snapshot, user_id: str) -> bool:
    user = snapshot.users.get(user_id)
    return user is not None and user.status is UserStatus.ACTIVE


def _published(mcps: Mapping[str, Mcp]) -> Iterable[Mcp]:
    return [mcp for mcp in mcps.values() if mcp.status is McpStatus.PUBLISHED]
