"""Streams new audit records to listeners; one task reads the index for all of them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ambassador_server.domain.audit.events import IndexedRecord
from ambassador_server.domain.audit.query import EVERYTHING, Query, matches
from ambassador_server.domain.audit.subjects import SUBJECT_CHANGES
from ambassador_server.errors import OverloadedError
from ambassador_server.services.audit.index import MAX_PAGE, AuditSearch

POLL_SECONDS = 0.25
QUIET_SECONDS = 5.0
"""After this long without a record a listener gets an empty update."""
MAX_LISTENERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedUpdate:
    """Matching records, and the cursor after all records that were searched.

    `gap` means that records after the requested cursor may have been removed from the index.
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

    A task reads new records and shares them with all listeners; it runs only while there are listeners. A listener
    that is slower than the task reads from the index, so that it misses nothing.
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
        """Tell whether the shared task is running."""
        return self._task is not None

    async def follow(
        self, wanted: Query, cursor: int | None, *, quiet_seconds: float = QUIET_SECONDS
    ) -> AsyncGenerator[FeedUpdate]:
        """Yield matching records after the cursor, or new ones if it is None; an empty update while none come.

        Ends when the feed is closed. Raises OverloadedError if there are too many listeners, and the index's errors.
        """
        with self._listening():
            await self._search.refresh()
            first, last = await self._search.extent()
            at = last if cursor is None else min(cursor, last)
            # A cursor greater than the newest comes from before the index was rebuilt.
            gap = cursor is not None and cursor > 0 and (cursor > last or first > cursor + 1)
            resolved = await self._search.resolve(wanted)
            yield FeedUpdate(records=(), cursor=at, gap=gap)
            while not self._closed:
                update = await self._next(resolved, at)
                if update is None:
                    await self._wait(quiet_seconds)
                    update = await self._next(resolved, at) or FeedUpdate(records=(), cursor=at)
                at = update.cursor
                if any(row.record.event.action in SUBJECT_CHANGES for row in update.records):
                    resolved = await self._search.resolve(wanted)
                yield update

    def close(self) -> None:
        """End the iteration of every listener."""
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
            await task  # raise the error that ended it

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
            await self._search.refresh()
            _, cursor = await self._search.extent()
            # A listener with a smaller cursor reads from the index, so it misses nothing when a task is replaced.
            self._batch = _Batch(cursor, (), cursor)
            self._wake()
            while True:
                await self._search.refresh()
                records, last = await self._search.after(EVERYTHING, limit=MAX_PAGE, cursor=cursor)
                if records:
                    self._batch = _Batch(cursor, tuple(records), last)
                    self._wake()
                cursor = last
                if len(records) < MAX_PAGE:
                    await asyncio.sleep(self._poll_seconds)
        finally:
            self._wake()

    def _wake(self) -> None:
        self._round.set()
        if not self._closed:
            self._round = asyncio.Event()
