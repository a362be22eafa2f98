"""Removes old segments of the audit log and old records of the index."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.dry_run import DryRunDone
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.audit_log import PrunableLog, Removal
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.delivery import AuditDeliveries
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.recorder import Recorder

_BATCH = 500
_PAUSE_FACTOR = 4.0
"""The removal pauses this many times as long as it has worked, so that calls are not slowed down."""
_MIN_AGE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneResult:
    """What was removed: segments of the log, None if none was old enough, and how many records of the index."""

    before: datetime
    removal: Removal | None
    indexed: int


class AuditRetention:
    """Prunes the audit: records who requests it first, and leaves a signed line about it in the log."""

    def __init__(
        self,
        *,
        store: Store,
        log: PrunableLog,
        search: AuditSearch,
        deliveries: AuditDeliveries,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._log = log
        self._search = search
        self._deliveries = deliveries
        self._recorder = recorder
        self._clock = clock
        self._lock = asyncio.Lock()

    async def prune(
        self, requester: Requester, *, older_than: timedelta, segments: bool = True, index: bool = True
    ) -> PruneResult:
        """Remove what is older than an age. Raises InvalidInputError for an age of less than a day.

        A dry run ends with DryRunDone, which tells what would be removed.
        """
        if older_than < _MIN_AGE:
            raise InvalidInputError("What is younger than a day is never removed.")
        if not (segments or index):
            raise InvalidInputError("There is nothing to remove: neither segments nor index.")
        async with self._lock:
            return await self._prune(
                requester, self._clock.now() - older_than, segments=segments, index=index
            )

    async def keep(self, *, segments: timedelta | None, index: timedelta | None) -> None:
        """Remove what is older than the configured ages; None keeps everything."""
        server = Requester(None, None)
        if segments is not None and await self._prunable(self._clock.now() - segments) is not None:
            await self.prune(server, older_than=segments, index=False)
        if index is not None and await self._has_records_before(self._clock.now() - index):
            await self.prune(server, older_than=index, segments=False)

    async def _prune(
        self, requester: Requester, before: datetime, *, segments: bool, index: bool
    ) -> PruneResult:
        removal = await self._prunable(before) if segments else None
        if requester.dry_run:
            raise self._dry_run(removal, index=index and await self._has_records_before(before))
        details: dict[str, Any] = {"before": before.isoformat(), "index": index}
        if removal is not None:
            details |= {
                "segments": removal.segments,
                "first_seq": removal.first_seq,
                "last_seq": removal.last_seq,
                "head": removal.head,
            }
        await self._record(requester, Outcome.PERMITTED, details)
        indexed = 0
        try:
            # The index may keep records longer than the log, so it must have copied them before. The event of this
            # prune must be in it, too: a comparison would miss the rows otherwise.
            await self._search.catch_up()
            if removal is not None:
                await self._log.prune(removal)
            if index:
                indexed = await self._prune_index(before)
        except BaseException:
            # Shielded, so that the failure is recorded although the administrator has hung up.
            await asyncio.shield(self._record(requester, Outcome.FAILED, details))
            raise
        await self._record(requester, Outcome.SUCCEEDED, details | {"indexed": indexed})
        return PruneResult(before=before, removal=removal, indexed=indexed)

    def _dry_run(self, removal: Removal | None, *, index: bool) -> DryRunDone:
        found = []
        if removal is not None:
            found.append(
                f"{removal.segments} segments would be removed: records {removal.first_seq} to {removal.last_seq}."
            )
        if index:
            found.append("Records of the index would be removed.")
        return DryRunDone([(AuditAction.AUDIT_PRUNE, self._resource)] if found else [], found)

    async def _prunable(self, before: datetime) -> Removal | None:
        """Return the segments that are old enough and that every audit sink has read."""
        needed_from = await self._deliveries.first_needed_segment(self._log.writer)
        return await self._log.prunable(before, needed_from)

    async def _prune_index(self, before: datetime) -> int:
        removed = 0
        while True:
            started = self._clock.monotonic()
            async with self._store.write() as work:
                count = await work.audit.remove(before=before, limit=_BATCH)
            removed += count
            if count < _BATCH:
                return removed
            await asyncio.sleep((self._clock.monotonic() - started) * _PAUSE_FACTOR)

    async def _has_records_before(self, before: datetime) -> bool:
        async with self._store.read() as work:
            return await work.audit.has_before(before)

    @property
    def _resource(self) -> Resource:
        return Resource(kind="audit", id=None, name=self._log.writer)

    async def _record(self, requester: Requester, outcome: Outcome, details: dict[str, Any]) -> None:
        await self._recorder.event(
            AuditAction.AUDIT_PRUNE,
            outcome,
            actor=requester.actor,
            resource=self._resource,
            origin=requester.origin,
            details=details,
        )
