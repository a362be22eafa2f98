"""Reading the audit: the index follows the log, queries read the index."""

import asyncio
from collections.abc import Sequence

from ambassador_server.domain.audit import AuditFilter
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import IndexedRecord, Store

_BATCH = 2000
_SMALL_BATCH = 250
_REST = 24.0
"""How much longer the index rests than it works in the background: calls come first."""

MAX_PAGE = 1000


class AuditTrail:
    """Every answer includes everything the logs had committed when it was asked for."""

    def __init__(self, *, store: Store, logs: Sequence[AuditLogReader], clock: Clock) -> None:
        self._store = store
        self._logs = logs
        self._clock = clock
        self._lock = asyncio.Lock()

    async def follow(self) -> None:
        """Copy in small batches with a rest after each, until the index has what the logs had."""
        for log in self._logs:
            copied = _SMALL_BATCH
            while copied == _SMALL_BATCH:
                started = self._clock.monotonic()
                copied = await self._copy(log, _SMALL_BATCH)
                await asyncio.sleep((self._clock.monotonic() - started) * _REST)

    async def catch_up(self) -> None:
        """Copy everything the logs have and the index has not, without a rest: somebody waits for the answer."""
        for log in self._logs:
            while await self._copy(log, _BATCH) == _BATCH:
                pass

    async def _copy(self, log: AuditLogReader, limit: int) -> int:
        """Copy one batch and return its size.

        Records and the position behind them are stored together, so a crash leaves neither a gap nor a duplicate.
        """
        async with self._lock:
            async with self._store.read() as work:
                position = await work.audit.position(log.writer)
            records, behind = await log.read(position, limit)
            if behind is not None and behind != position:
                async with self._store.write() as work:
                    await work.audit.insert(records, behind)
            return len(records)

    async def newest(self, wanted: AuditFilter, *, limit: int, before: int | None) -> list[IndexedRecord]:
        """Return matching records, newest first."""
        await self.catch_up()
        async with self._store.read() as work:
            return await work.audit.newest(wanted, limit=min(limit, MAX_PAGE), before=before)

    async def after(self, wanted: AuditFilter, *, limit: int, cursor: int) -> tuple[list[IndexedRecord], int]:
        """Return matching records behind a cursor, oldest first, and the cursor to go on from."""
        await self.catch_up()
        async with self._store.read() as work:
            last = await work.audit.last_cursor()
            found = await work.audit.after(wanted, limit=min(limit, MAX_PAGE), cursor=cursor)
        full_page = len(found) == min(limit, MAX_PAGE)
        return found, found[-1].cursor if full_page else max(last, cursor)
