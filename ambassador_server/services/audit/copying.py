"""Copies batches of an audit log into the index, in the server and in the process of its own."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import LogPosition, Store

_SMALLEST, _FIRST, _LARGEST = 100, 250, 2_000
_WANTED_SECONDS = 0.03
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

    async def copy(self) -> Copied:
        """Copy one batch.

        Records and the position after them are stored in one transaction, so a crash leaves no gap and no duplicate.
        Nothing is stored if another process has moved the position meanwhile.
        """
        async with self._lock:
            async with self._store.read() as work:
                position = await work.audit.position(self.log.writer)
            limit = self._limit
            records, end = await self.log.read(position, limit, _BATCH_BYTES)
            if end is None or end == position:
                return Copied(records=0, complete=True, seq=0 if end is None else end.seq)
            held = 0.0
            async with self._store.write(durable=False) as work:
                began = self._clock.monotonic()
                if await work.audit.position(self.log.writer) != position:
                    return Copied(records=0, complete=False, seq=0 if position is None else position.seq)
                await work.audit.insert(records, end)
                held = self._clock.monotonic() - began
            self._adapt(len(records), held)
            last = records[-1]
            return Copied(
                records=len(records),
                complete=len(records) < limit and not _is_cut(position, end),
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
