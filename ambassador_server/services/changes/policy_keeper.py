"""Keeps the policy snapshot in step with the store and knows when it may no longer be trusted."""

import asyncio
from collections.abc import Callable

from ambassador_server.domain.policy.snapshot import Moment, PolicyRows, Snapshot
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store, UnitOfWork

STALE_AFTER_SECONDS = 5.0

SnapshotListener = Callable[[Snapshot], None]


class PolicyKeeper:
    """The current snapshot. Inputs are cached here, verdicts nowhere."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = asyncio.Lock()
        self._listeners: list[SnapshotListener] = []
        self._confirmed_at: float | None = None
        self._begun = 0
        self._completed = 0
        self.snapshot = Snapshot.build(0, PolicyRows())

    def subscribe(self, listener: SnapshotListener) -> None:
        """Call the listener, in the event loop, after every new snapshot."""
        self._listeners.append(listener)

    def moment(self) -> Moment:
        """Return now, with the word on whether the snapshot is still confirmed."""
        return Moment(self._clock.now(), stale=self.is_stale())

    def is_stale(self) -> bool:
        """Tell whether the store has not confirmed this version for too long."""
        if self._confirmed_at is None:
            return True
        return self._clock.monotonic() - self._confirmed_at > STALE_AFTER_SECONDS

    async def refresh(self) -> None:
        """Bring the snapshot to the store's version or a later one.

        Does no more than one small read when nothing changed, and none when a read that began after this was called
        is through: what was committed before the call is in it.
        """
        begun = self._begun
        async with self._lock:
            if self._completed > begun:
                return
            self._begun += 1
            reading, asked_at = self._begun, self._clock.monotonic()
            async with self._store.read() as work:
                fresh = await self._read(work)
            self._confirmed_at = asked_at
            if fresh is not None:
                self.snapshot = fresh
                for listener in self._listeners:
                    listener(fresh)
            self._completed = reading

    async def _read(self, work: UnitOfWork) -> Snapshot | None:
        version = await work.policy_version()
        if self._confirmed_at is None:
            return await _everything(work, version)
        if version == self.snapshot.version:
            return None
        changes = await work.changes_since(self.snapshot.version)
        if changes is None:
            return await _everything(work, version)
        return self.snapshot.updated(version, changes)


async def _everything(work: UnitOfWork, version: int) -> Snapshot:
    rows = PolicyRows(
        users=await work.users.all(),
        groups=await work.groups.all(),
        memberships=await work.memberships.all(),
        keys=await work.keys.all(),
        mcps=await work.mcps.all(),
        grants=await work.grants.all(),
        switches=await work.switches.all(),
        subscriptions=await work.subscriptions.all(),
    )
    return Snapshot.build(version, rows)
