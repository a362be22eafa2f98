"""Copies batches of an audit log into the index, in the server and in the process of its own."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store

_SMALLEST, _FIRST, _LARGEST = 250, 250, 1_000
_WANTED_SECONDS = 0.05
"""A transaction takes about this long, because sessions and changes wait for it where there is one writer."""
_GROWTH = 2
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A copied batch: how many records, the last one's number and time, and how long its transaction was open.

    `complete` means that the log held no more. Without records, `seq` is the number of the last one copied before.
    """

    records: int
    complete: bool
    seq: int
    at: datetime | None = None
    held: float = 0.0


class LogCopier:
    """Copies one log in batches whose size follows from the duration of the transactions before."""

    def __init__(self, *, store: Store, log: AuditLogReader, clock: Clock) -> None:
        self.log = log
        self._store = store
        self._clock = clock
        self._limit = _FIRST
        self._lock = asyncio.Lock()
        self._reached: LogPosition | None = None

    async def copy(self) -> Copied:
        """Copy one batch.

        Records and the position after them are stored in one transaction, so a crash leaves no gap and no duplicate.
        Nothing is stored if another process has moved the position meanwhile.
        """
        async with self._lock:
            reached, self._reached = self._reached, None
            if reached is not None and (copied := await self._copy_after(reached)) is not None:
                return copied
            # Only the database tells that the position was moved, for example because the index was emptied.
            stored = await self._stored_position()
            copied = await self._copy_after(stored)
            return copied or Copied(records=0, complete=True, seq=0 if stored is None else stored.seq)

    async def _stored_position(self) -> LogPosition | None:
        async with self._store.read() as work:
            return await work.audit.position(self.log.writer)

    async def _copy_after(self, start: LogPosition | None) -> Copied | None:
        """Copy one batch; None means that the log holds nothing after `start`."""
        limit = self._limit
        records, end = await self.log.read(start, limit, _BATCH_BYTES)
        if end is None or end == start:
            return None
        held = 0.0
        async with self._store.write(durable=False) as work:
            began = self._clock.monotonic()
            if await work.audit.position(self.log.writer) != start:
                return Copied(records=0, complete=False, seq=0 if start is None else start.seq)
            await work.audit.insert(records, end)
            held = self._clock.monotonic() - began
        self._reached = end
        self._adapt(len(records), held)
        last = records[-1]
        return Copied(
            records=len(records),
            complete=len(records) < limit and not _is_cut(start, end),
            seq=last.seq,
            at=last.event.at,
            held=held,
        )

    def _adapt(self, count: int, held: float) -> None:
        if count < self._limit and held < _WANTED_SECONDS:
            return
        fitting = count * _WANTED_SECONDS / held if held else count * _GROWTH
        bounded = min(fitting, count * _GROWTH)
        self._limit = int(min(max(bounded, _SMALLEST), _LARGEST))


def _is_cut(start: LogPosition | None, end: LogPosition) -> bool:
    """Tell whether a batch may have ended because of its size in bytes."""
    if start is None or start.segment != end.segment:
        return True
    return end.offset - start.offset >= _BATCH_BYTES
