"""The audit as it happens: one task reads for all who listen, and there is none while nobody does."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ambassador_server.domain.audit.events import IndexedRecord
from ambassador_server.domain.audit.query import EVERYTHING, Query, matches
from ambassador_server.errors import OverloadedError
from ambassador_server.services.audit.index import MAX_PAGE, AuditSearch

POLL_SECONDS = 0.25
QUIET_SECONDS = 5.0
MAX_LISTENERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUpdate:
    """Matching records, and the cursor behind everything that was looked at for them.

    `gap` means that records between the cursor asked for and these may be gone from the index.
    """

    records: tuple[IndexedRecord, ...]
    cursor: int
    gap: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    since: int
    records: tuple[IndexedRecord, ...]
    until: int


class AuditFeed:
    """Follows the audit for many listeners.

    Who keeps up shares what one task has read; who lags reads on alone, from the index, and misses nothing.
    """

    def __init__(self, search: AuditSearch, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._search = search
        self._poll_seconds = poll_seconds
        self._listeners = 0
        self._task: asyncio.Task[None] | None = None
        self._batch = _Batch(0, (), 0)
        self._round = asyncio.Event()
        self._closed = False

    @property
    def is_polling(self) -> bool:
        """Tell whether the task runs."""
        return self._task is not None

    async def follow(
        self, wanted: Query, cursor: int | None, *, quiet_seconds: float = QUIET_SECONDS
    ) -> AsyncGenerator[FeedUpdate]:
        """Yield matching records after the cursor, or new ones if it is None; an empty update while none come.

        Ends when the feed is closed; raises OverloadedError for one listener too many, and what the index raises.
        """
        with self._listening():
            first, last = await self._search.extent()
            at = last if cursor is None else min(cursor, last)
            # A cursor beyond the newest was given by an index that has been built anew.
            gap = cursor is not None and cursor > 0 and (cursor > last or first > cursor + 1)
            yield FeedUpdate(records=(), cursor=at, gap=gap)
            while not self._closed:
                update = await self._next(wanted, at)
                if update is None:
                    await self._wait(quiet_seconds)
                    update = await self._next(wanted, at) or FeedUpdate(records=(), cursor=at)
                at = update.cursor
                yield update

    def close(self) -> None:
        """Let every listener end."""
        self._closed = True
        self._round.set()

    async def _next(self, wanted: Query, at: int) -> FeedUpdate | None:
        batch = self._batch
        if at >= batch.until:
            return None
        if at >= batch.since:
            found = [
                each for each in batch.records if each.cursor > at and matches(wanted, each.record.event)
            ]
            return FeedUpdate(records=tuple(found), cursor=batch.until)
        records, cursor = await self._search.after(wanted, limit=MAX_PAGE, cursor=at)
        return FeedUpdate(records=tuple(records), cursor=cursor)

    async def _wait(self, seconds: float) -> None:
        await self._check()
        try:
            await asyncio.wait_for(self._round.wait(), seconds)
        except TimeoutError:
            return

    async def _check(self) -> None:
        task = self._task
        if task is not None and task.done():
            await task  # raises what ended it

    @contextmanager
    def _listening(self) -> Iterator[None]:
        if self._listeners >= MAX_LISTENERS:
            raise OverloadedError(f"{MAX_LISTENERS} listeners follow the audit already; try again later")
        self._listeners += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._listeners -= 1
            if self._listeners == 0 and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _poll(self) -> None:
        try:
            _, cursor = await self._search.extent()
            # Whoever is behind this place reads on alone, so nothing falls between two tasks.
            self._batch = _Batch(cursor, (), cursor)
            self._wake()
            while True:
                records, behind = await self._search.after(EVERYTHING, limit=MAX_PAGE, cursor=cursor)
                if records:
                    self._batch = _Batch(cursor, tuple(records), behind)
                    self._wake()
                cursor = behind
                if len(records) < MAX_PAGE:
                    await asyncio.sleep(self._poll_seconds)
        finally:
            self._wake()

    def _wake(self) -> None:
        self._round.set()
        if not self._closed:
            self._round = asyncio.Event()
