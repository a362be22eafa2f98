"""Searches the index of the audit log."""

import re
from dataclasses import dataclass, replace

from ambassador_server.domain.audit.events import IndexedRecord
from ambassador_server.domain.audit.query import Attribute, Is, Query, searchable
from ambassador_server.domain.audit.request_summary import RequestSummary, summarise
from ambassador_server.domain.policy.grants import Grant
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.errors import NotFoundError
from ambassador_server.ports.audit_index import EventCounts, HourCounts
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.log_indexing import AuditIndexer, IndexState
from ambassador_server.services.audit.subjects import with_subjects

_BATCH = 2000
MAX_PAGE = 1000

_RECORD_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99}):([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The records of one request, oldest first, and the rule that decided it, in its current state.

    If the rule has been removed, `summary` still has its id.
    """

    records: tuple[IndexedRecord, ...]
    summary: RequestSummary
    grant: Grant | None
    switch: KillSwitch | None


class AuditSearch:
    """Searches the index as it is; call `refresh` before, so that it has every record that was committed by then."""

    def __init__(self, *, store: Store, indexer: AuditIndexer) -> None:
        self._store = store
        self._indexer = indexer

    async def refresh(self) -> IndexState:
        """Wait for the records that are committed now, a second at most, and return how many of them are missing.

        Raises AuditUnavailableError or StorageError.
        """
        is_complete = await self._indexer.reach_end()
        state = await self._indexer.state()
        if is_complete:
            return replace(state, behind_records=0, behind_seconds=0.0)
        # The state is beside the end that was last looked at, which may be an older one.
        return replace(state, behind_records=max(1, state.behind_records))

    async def catch_up(self) -> None:
        """Return when all records that are committed now are in the index, however long that takes."""
        await self._indexer.reach_end(None)

    async def empty(self) -> None:
        """Remove all records and positions, so that the logs are copied from the beginning.

        If it is interrupted, the next run removes the rest.
        """
        async with self._store.read() as work:
            last = await work.audit.last_cursor()
        removed = _BATCH
        while removed == _BATCH:
            async with self._store.write() as work:
                removed = await work.audit.remove(through=last, limit=_BATCH)
        async with self._store.write() as work:
            # Records that a running server has added meanwhile would come before the older ones that are copied again.
            last = await work.audit.last_cursor()
            while await work.audit.remove(through=last, limit=_BATCH) == _BATCH:
                pass
            await work.audit.restart()

    async def newest(self, wanted: Query, *, limit: int, before: int | None) -> list[IndexedRecord]:
        """Return matching records, newest first."""
        async with self._store.read() as work:
            resolved = await with_subjects(wanted, work)
            return await work.audit.newest(resolved, limit=min(limit, MAX_PAGE), before=before)

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> tuple[list[IndexedRecord], int]:
        """Return matching records after a cursor, oldest first, and the cursor to continue from."""
        async with self._store.read() as work:
            last = await work.audit.last_cursor()
            resolved = await with_subjects(wanted, work)
            found = await work.audit.after(resolved, limit=min(limit, MAX_PAGE), cursor=cursor)
        full_page = len(found) == min(limit, MAX_PAGE)
        return found, found[-1].cursor if full_page else max(last, cursor)

    async def resolve(self, wanted: Query) -> Query:
        """Return a query that can be compared with an event, with the keys and groups that its subjects have now."""
        async with self._store.read() as work:
            return await with_subjects(wanted, work)

    async def extent(self) -> tuple[int, int]:
        """Return the oldest and the newest cursor; 0 and 0 if there are no records."""
        async with self._store.read() as work:
            return await work.audit.first_cursor(), await work.audit.last_cursor()

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        """Count matching records by an attribute."""
        async with self._store.read() as work:
            return await work.audit.counts(await with_subjects(wanted, work), by, top=min(top, MAX_PAGE))

    async def hours(self, wanted: Query, *, last: int) -> HourCounts:
        """Count matching records by hour."""
        async with self._store.read() as work:
            return await work.audit.hours(await with_subjects(wanted, work), last=min(last, MAX_PAGE))

    async def trace(self, found_by: str) -> Trace:
        """Return all records of one request, and the rule that decided it.

        `found_by` is the id of the request, or the name WRITER:SEQ of one of its records. Raises NotFoundError.
        """
        async with self._store.read() as work:
            request_id: str | None = found_by
            found: list[IndexedRecord] = []
            named = _RECORD_NAME.fullmatch(found_by)
            if named is not None and (one := await work.audit.get(named[1], int(named[2]))) is not None:
                found, request_id = [one], one.record.event.request_id
            if request_id and searchable(request_id) == request_id:
                wanted = Is(Attribute.REQUEST_ID, request_id)
                found = (await work.audit.newest(wanted, limit=MAX_PAGE))[::-1] or found
            if not found:
                raise NotFoundError(f"No event and no request is called {found_by[:60]!r}")
            summary = summarise([each.record.event for each in found])
            return Trace(
                records=tuple(found),
                summary=summary,
                grant=None if summary.grant_id is None else await work.grants.get(summary.grant_id),
                switch=None if summary.switch_id is None else await work.switches.get(summary.switch_id),
            )
