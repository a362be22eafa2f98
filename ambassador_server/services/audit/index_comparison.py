"""Compares the index with the log, because a change of the database alone could hide what has happened."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from ambassador_server.domain.audit.events import AuditAction, AuditRecord, IndexedRecord, Outcome
from ambassador_server.domain.audit.index_differences import IndexDifference, RowDifferences
from ambassador_server.domain.audit.query import Attribute, Is, all_of
from ambassador_server.errors import AuditUnavailableError, StorageError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import LogPiece, SegmentedLog
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store

_log = logging.getLogger(__name__)
_PRUNES = all_of(Is(Attribute.ACTION, AuditAction.AUDIT_PRUNE), Is(Attribute.OUTCOME, Outcome.PERMITTED))
_PAGE = 1_000
_LOWEST = -(2**63)
_MOST_LOOKS = 600
_LOOK_SECONDS = 1.0


class IndexComparison:
    """Compares the log of one writer with the index, the newest segment first.

    Not compared are records that are not indexed yet, and rows of segments that were pruned or quarantined. A record
    that was pruned from the index is not missing: the event of the prune says so, which is in the index before the
    first row is removed. `prunes_of` are the writers whose events count; None means every writer.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: SegmentedLog,
        clock: Clock,
        prunes_of: Collection[str] | None,
        pause: Callable[[float], Awaitable[object]] | None = None,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._prunes_of = prunes_of
        self._pause = pause
        self._look_seconds = look_seconds
        self._pruned_before: datetime | None = None
        self.differing: set[int] = set()
        self.compared = 0
        self._total: IndexDifference | None = None

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        return self._log.writer

    async def run(
        self,
        *,
        only: Collection[int] | None = None,
        at_most: int | None = None,
        tell: Callable[[IndexDifference], None] | None = None,
    ) -> IndexDifference | None:
        """Return how the index differs, `differing` then has the segments, and `compared` the number of records.

        With `only`, no other segments are compared; with `at_most`, no further one after so many records. `tell`
        is told of the first difference at once. Raises StorageError.
        """
        self.differing, self.compared, self._pruned_before = set(), 0, None
        self._total = await self._after_the_end()
        if self._total is not None and tell is not None:
            tell(self._total)
        async with self._store.read() as work:
            position = await work.audit.position(self.writer)
        if position is None:
            return self._total
        for segment in reversed(await self._segments(position, only)):
            before = self._total
            if at_most is not None and self.compared >= at_most:
                break
            try:
                await self._segment(segment, position)
            except AuditUnavailableError:
                continue  # the verification of the log names what cannot be read
            if self._total != before:
                self.differing.add(segment)
            if before is None and self._total is not None and tell is not None:
                tell(self._total)
        return self._total

    async def _after_the_end(self) -> IndexDifference | None:
        """Count the rows with higher numbers than the log has; its end is read last, because it grows meanwhile."""
        async with self._store.read() as work:
            highest = await work.audit.highest_seq(self.writer)
        last = await self._log.last_seq()
        if highest <= last:
            return None
        async with self._store.read() as work:
            surplus = await work.audit.count_after(self.writer, last)
        return IndexDifference(
            writer=self.writer, first_seq=last + 1, last_seq=highest, missing=0, altered=0, surplus=surplus
        )

    async def _segments(self, position: LogPosition, only: Collection[int] | None) -> Sequence[int]:
        return [
            number
            for number in await self._log.segments()
            if number <= position.segment and (only is None or number in only)
        ]

    async def _segment(self, segment: int, position: LogPosition) -> None:
        offset = 0
        began = self._clock.monotonic()
        while piece := await self._log.piece(segment, offset, position):
            # No record comes before the first line of the first segment.
            first_seq = _LOWEST if (segment, offset) == (1, 0) else piece.first_seq
            found = await self._look(first_seq, piece)
            worked = self._clock.monotonic() - began
            if found != RowDifferences() and self._total is None:
                found = await self._look_again(first_seq, piece)
            difference = IndexDifference.of(self.writer, found)
            self._total = self._total if difference is None else difference + self._total
            offset, self.compared = piece.end, self.compared + len(piece.records)
            if self._pause is not None:
                await self._pause(worked)
            began = self._clock.monotonic()

    async def _look_again(self, first_seq: int, piece: LogPiece) -> RowDifferences:
        """Look again until the oldest rows stay: `audit reindex` may be removing them."""
        found, is_moving, looks = RowDifferences(), True, 0
        while is_moving and looks < _MOST_LOOKS:
            before, looks = await self._first_cursor(), looks + 1
            await asyncio.sleep(self._look_seconds)
            found = await self._look(first_seq, piece)
            is_moving = await self._first_cursor() != before
        return found

    async def _look(self, first_seq: int, piece: LogPiece) -> RowDifferences:
        found = await self._compare(first_seq, piece.last_seq, piece.records)
        if found == RowDifferences():
            return found
        async with self._store.read() as work:
            position = await work.audit.position(self.writer)
        if position is None or position.seq < (piece.records[-1].seq if piece.records else 0):
            return RowDifferences()  # the index is being filled again
        if not self._are_pruned(found):
            self._pruned_before = await self._last_prune()
        kept = tuple(each for each in found.missing if not self._is_pruned(each.event.at))
        return RowDifferences(missing=kept, altered=found.altered, surplus=found.surplus)

    async def _compare(self, first_seq: int, last_seq: int, records: Sequence[AuditRecord]) -> RowDifferences:
        """Compare a range; a row that makes the query fail is found by halves and counts as altered."""
        try:
            async with self._store.read() as work:
                return await work.audit.compare(self.writer, first_seq, last_seq, records)
        except StorageError:
            async with self._store.read() as work:
                await work.audit.position(self.writer)  # raises again if it is the database that fails
        if first_seq == last_seq:
            return RowDifferences(altered=(first_seq,))
        middle = (first_seq + last_seq) // 2
        return await self._compare(
            first_seq, middle, [record for record in records if record.seq <= middle]
        ) + await self._compare(middle + 1, last_seq, [record for record in records if record.seq > middle])

    def _are_pruned(self, found: RowDifferences) -> bool:
        return all(self._is_pruned(record.event.at) for record in found.missing)

    def _is_pruned(self, at: datetime) -> bool:
        return self._pruned_before is not None and at < self._pruned_before

    async def _first_cursor(self) -> int:
        async with self._store.read() as work:
            return await work.audit.first_cursor()

    async def _last_prune(self) -> datetime | None:
        """Return the time before which the index was pruned, as far as the events of prunes can be read."""
        latest, cursor = None, None
        # A forged row can have any content.
        with suppress(ValueError, LookupError, TypeError, AttributeError, OverflowError):
            while found := await self._prunes_before(cursor):
                cursor = found[-1].cursor
                times = [at for each in found if (at := self._pruned_by(each.record)) is not None]
                latest = max(times if latest is None else [*times, latest], default=None)
        return latest

    async def _prunes_before(self, cursor: int | None) -> Sequence[IndexedRecord]:
        async with self._store.read() as work:
            return await work.audit.newest(_PRUNES, limit=_PAGE, before=cursor)

    def _pruned_by(self, record: AuditRecord) -> datetime | None:
        details = record.event.details
        counts = self._prunes_of is None or record.writer in self._prunes_of
        if not counts or details.get("index") is not True:
            return None
        return datetime.fromisoformat(details["before"]).astimezone(UTC)


class KnownDifferences:
    """How the index differs from each log, as far as it has been compared."""

    def __init__(self) -> None:
        self._found: dict[str, IndexDifference] = {}
        self._failures: dict[str, str] = {}

    def all(self) -> Sequence[IndexDifference]:
        """Return the differences, one for each writer."""
        return [*self._found.values()]

    def note(self, writer: str, found: IndexDifference | None, *, is_complete: bool) -> None:
        """Take note of a comparison; one that is not complete never replaces what is known."""
        self._failures.pop(writer, None)
        if found is None:
            self._found.pop(writer, None)
        elif is_complete or writer not in self._found:
            self._found[writer] = found

    def note_failure(self, writer: str, why: str) -> None:
        """Log why a comparison has failed, once while it fails for the same reason."""
        if self._failures.get(writer) != why:
            _log.warning("the audit index cannot be compared with the log of %s: %s", writer, why)
        self._failures[writer] = why
