"""Keeps a snapshot of the policy in memory, follows the store, and tells when the snapshot is stale."""

import asyncio
from collections.abc import Callable

from ambassador_server.domain.policy.snapshot import CheckCompiler, Moment, PolicyRows, Snapshot
from ambassador_server.errors import PolicyStaleError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork

STALE_AFTER_SECONDS = 5.0

SnapshotListener = Callable[[Snapshot], None]


class PolicyKeeper:
    """Holds the current snapshot; the input of decisions is cached here, decisions are never cached."""

    def __init__(self, *, store: Store, clock: Clock, compile_check: CheckCompiler | None = None) -> None:
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._listeners: list[SnapshotListener] = []
        self._confirmed_at: float | None = None
        self._reads_begun = 0
        self._last_read_done = 0
        self._compile_check = compile_check
        self.snapshot = Snapshot.build(0, PolicyRows(), compile_check)

    def subscribe(self, listener: SnapshotListener) -> None:
        """Call the listener in the event loop with every new snapshot."""
        self._listeners.append(listener)

    def current_moment(self) -> Moment:
        """Return the current time, and whether the snapshot is stale."""
        return Moment(self._clock.now(), stale=self.is_stale())

    def confirmed_moment(self) -> Moment:
        """Return the current time for a list; raises PolicyStaleError, because a stale policy would leave it empty."""
        moment = self.current_moment()
        if moment.stale:
            raise PolicyStaleError(
                "The server cannot confirm its policy (policy_stale). Try again in a moment."
            )
        return moment

    def is_stale(self) -> bool:
        """Tell whether the store has not confirmed the snapshot's version for too long."""
        confirmed_at = self._confirmed_at
        return confirmed_at is None or self._clock.monotonic() - confirmed_at > STALE_AFTER_SECONDS

    def age_seconds(self) -> float | None:
        """Return how long ago the store confirmed the snapshot's version; None if it never has."""
        return None if self._confirmed_at is None else self._clock.monotonic() - self._confirmed_at

    async def refresh(self) -> None:
        """Bring the snapshot to the version that the store has now, or to a later one.

        If nothing changed, this is one small read. If another caller's read began after this call and is done, there is
        no read at all, because that one includes everything that was committed before this call.
        """
        reads_before = self._reads_begun
        async with self._lock:
            if self._last_read_done > reads_before:
                return
            self._reads_begun += 1
            number, begun_at = self._reads_begun, self._clock.monotonic()
            async with self._store.read() as work:
                fresh = await self._read(work)
            self._confirmed_at = begun_at
            if fresh is not None:
                self.snapshot = fresh
                for listener in self._listeners:
                    listener(fresh)
            self._last_read_done = number

    async def _read(self, work: UnitOfWork) -> Snapshot | None:
        version = await work.policy_version()
        if self._confirmed_at is None:
            return await self._read_all(work, version)
        if version == self.snapshot.version:
            return None
        changes = await work.changes_since(self.snapshot.version)
        if changes is None:
            return await self._read_all(work, version)
        return self.snapshot.updated(version, changes)

    async def _read_all(self, work: UnitOfWork, version: int) -> Snapshot:
        rows = PolicyRows(
            users=await work.users.all(),
            groups=await work.groups.all(),
            memberships=await work.memberships.groups_by_user(),
            keys=await work.keys.all(),
            mcps=await work.mcps.all(),
            approved=await work.approved.all(),
            grants=await work.grants.all(),
            switches=await work.switches.all(),
            limits=await work.limits.all(),
            issuers=await work.issuers.all(),
            subscriptions=await work.subscriptions.all(),
            credentials=await work.credentials.all(),
        )
        return Snapshot.build(version, rows, self._compile_check)
