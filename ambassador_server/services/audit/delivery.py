"""Delivers committed audit records to the sinks, with one task for each sink."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.errors import AmbassadorError, SinkRefusedError, SinkUnavailableError, StorageError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.audit_sink import AuditSink, SinkJournal
from ambassador_server.ports.clock import Clock
from ambassador_server.services.audit.sink_positions import SinkAnomaly, SinkPositions

LONGEST_WAIT = 60.0
"""A failing sink is tried again after at most this many seconds, even if its receiver asks for longer."""

MAX_BEHIND = 100_000
"""The count of records that wait for delivery stops here."""

_log = logging.getLogger(__name__)
_PAUSE_FACTOR = 2.0
"""A sink with more to read pauses this many times as long as it has read, so that calls are not slowed down."""

_SAVE_SECONDS = 1.0
_SAVE_RETRY_SECONDS = 10.0
_MAX_ERROR_LENGTH = 300
_LAST_ROUND_SECONDS = 1.2
_CLOSING_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Which records one sink gets, and how; `batch_bytes` counts bytes of the log, times are in seconds."""

    name: str
    kind: str
    sink: AuditSink
    batch_records: int = 250
    batch_bytes: int = 1024 * 1024
    linger: float = 1.0
    timeout: float = 30.0
    wants: Callable[[AuditEvent], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """The progress and last error of one sink.

    `positions` are sequence numbers by writer, `behind` is how many records wait, at most MAX_BEHIND. `delivered` and
    `dead_letters` count since the start of the server.
    `anomaly` says how the position file differed from the database at the start.
    """

    name: str
    kind: str
    positions: Mapping[str, int]
    behind: int | None
    delivered: int
    dead_letters: int
    failures: int
    last_success: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    anomaly: str | None


@dataclass(slots=True)
class _Progress:
    delivered: int = 0
    dead_letters: int = 0
    failures: int = 0
    last_success: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


@dataclass(slots=True)
class Delivery:
    """Delivers to one sink, at least once and in order.

    A position is stored only after the receiver has all records before it; while there is more to read, once a second.
    `run` neither ends nor raises before `stop`. `pause_after` returns how long to pause after a number of failures in a
    row.
    """

    settings: SinkSettings
    logs: Sequence[AuditLogReader]
    journal: SinkJournal
    stored: SinkPositions
    clock: Clock
    pause_after: Callable[[int], float]
    _anomalies: tuple[SinkAnomaly, ...] = ()
    _unsaved: bool = False
    _save_failed: bool = False
    _save_after: float = 0.0
    _positions: dict[str, LogPosition] | None = None
    _progress: _Progress = field(default_factory=_Progress)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Deliver until stopped, and then once more what the logs still hold."""
        while not self._stopping.is_set():
            try:
                pause = await self._round()
                pause = self.settings.linger if pause is None else pause
                self._note_success()
            except Exception as error:  # any error of one sink is logged, and delivery is tried again
                requested = min(self._note_failure(error), LONGEST_WAIT)
                pause = max(self.pause_after(self._progress.failures), requested)
            await self._pause(pause)
        try:
            while await self._round() is not None:
                pass
        except Exception as error:  # the rest is delivered after the next start
            self._note_failure(error)

    def stop(self) -> None:
        """Make `run` end after a last round."""
        self._stopping.set()

    async def status(self) -> SinkStatus:
        """Return the status of the sink."""
        return replace(self.progress(), behind=await self._behind())

    def progress(self) -> SinkStatus:
        """Return the status of the sink without `behind`, at once and without a look at the disk."""
        at, progress = self._positions or {}, self._progress
        return SinkStatus(
            name=self.settings.name,
            kind=self.settings.kind,
            positions={writer: position.seq for writer, position in at.items()},
            behind=None,
            delivered=progress.delivered,
            dead_letters=progress.dead_letters,
            failures=progress.failures,
            last_success=progress.last_success,
            last_error=progress.last_error,
            last_error_at=progress.last_error_at,
            anomaly="; ".join(found.sentence for found in self._anomalies) or None,
        )

    async def anomalies(self) -> tuple[SinkAnomaly, ...]:
        """Return how the position file differs from the database. Raises AuditUnavailableError and StorageError."""
        await self._load()
        return self._anomalies

    async def first_needed_segment(self, writer: str) -> int:
        """Return the first segment of a writer that may have records which are not delivered yet."""
        position = (await self._load()).get(writer)
        return 1 if position is None else position.segment

    async def _load(self) -> dict[str, LogPosition]:
        if self._positions is None:
            start = await self.stored.load(self.settings.name)
            # Concurrent callers must share one mapping, because `_batch` changes it.
            if self._positions is None:
                self._positions, self._anomalies = dict(start.positions), start.anomalies
        return self._positions

    async def _behind(self) -> int | None:
        if self._positions is None:
            return None
        found = 0
        try:
            for log in self.logs:
                found += await log.count(self._positions.get(log.writer), MAX_BEHIND - found)
        except AmbassadorError:
            return None
        return found

    async def _round(self) -> float | None:
        """Deliver one batch of each log; return how long to pause before the next one, None if there is no more."""
        positions = await self._load()
        pauses = [await self._batch(log, positions) for log in self.logs]
        return min((pause for pause in pauses if pause is not None), default=None)

    async def _batch(self, log: AuditLogReader, positions: dict[str, LogPosition]) -> float | None:
        settings, position, started = self.settings, positions.get(log.writer), self.clock.monotonic()
        records, end = await log.read(position, settings.batch_records, settings.batch_bytes)
        pause = (self.clock.monotonic() - started) * _PAUSE_FACTOR
        if end is None or end == position:
            await self._save(positions, is_last=True)
            return None
        wanted = [record for record in records if settings.wants(record.event)]
        if wanted:
            await self._send(wanted)
        positions[log.writer] = end
        self._unsaved = True
        was_full = self._was_full(len(records), position, end)
        await self._save(positions, is_last=not was_full)
        return pause if was_full else None

    async def _save(self, positions: Mapping[str, LogPosition], *, is_last: bool) -> None:
        """Store the positions if that is due; a database that does not answer delays no delivery beyond a deadline."""
        is_early = self.clock.monotonic() < self._save_after
        if not self._unsaved or (is_early and (self._save_failed or not is_last)):
            return
        try:
            await self.stored.save(self.settings.name, positions)
        except StorageError as error:
            # What was delivered since the last position is sent again after a crash; until then nothing is lost.
            self._note_error(f"the position is not stored: {_error_text(error)}")
            self._save_failed, self._save_after = True, self.clock.monotonic() + _SAVE_RETRY_SECONDS
            return
        self._unsaved = self._save_failed = False
        self._save_after = self.clock.monotonic() + _SAVE_SECONDS

    def _was_full(self, records: int, start: LogPosition | None, end: LogPosition) -> bool:
        if records >= self.settings.batch_records:
            return True
        if start is None or start.segment != end.segment:
            return True
        return end.offset - start.offset >= self.settings.batch_bytes

    async def _send(self, records: Sequence[AuditRecord]) -> None:
        try:
            async with asyncio.timeout(self.settings.timeout):
                await self.settings.sink.deliver(records)
        except TimeoutError:
            raise SinkUnavailableError(f"no answer within {self.settings.timeout:g} seconds") from None
        except SinkRefusedError as error:
            await self._handle_refusal(records, error)
            return
        self._progress.delivered += len(records)

    async def _handle_refusal(self, records: Sequence[AuditRecord], error: SinkRefusedError) -> None:
        if len(records) == 1:
            self._note_error(_error_text(error))
            await self.journal.add_dead_letter(self.settings.name, records[0], _error_text(error))
            self._progress.dead_letters += 1
            return
        # The receiver does not tell which record it rejected, so the batch is halved until one record is left.
        middle = len(records) // 2
        await self._send(records[:middle])
        await self._send(records[middle:])

    def _note_failure(self, error: Exception) -> float:
        """Note an error and return how long the receiver wants no requests."""
        if not self._progress.failures:
            _log.warning("audit sink %s fails: %s", self.settings.name, _error_text(error))
        self._progress.failures += 1
        self._note_error(_error_text(error))
        return error.retry_after if isinstance(error, SinkUnavailableError) else 0.0

    def _note_success(self) -> None:
        if self._progress.failures:
            _log.warning("audit sink %s delivers again", self.settings.name)
        self._progress.failures = 0
        self._progress.last_success = self.clock.now()

    def _note_error(self, text: str) -> None:
        self._progress.last_error = text
        self._progress.last_error_at = self.clock.now()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _error_text(error: Exception) -> str:
    text = error.message if isinstance(error, AmbassadorError) else f"{type(error).__name__}: {error}"
    # A part of the text may come from the receiver, and it is written to logs and terminals.
    return "".join(char if char.isprintable() else " " for char in mask_text(text)[:_MAX_ERROR_LENGTH])


class AuditDeliveries:
    """Delivers to all sinks of a server, to each independently of the others."""

    def __init__(
        self,
        *,
        sinks: Sequence[SinkSettings],
        logs: Sequence[AuditLogReader],
        journal: SinkJournal,
        stored: SinkPositions,
        clock: Clock,
        pause_after: Callable[[int], float],
    ) -> None:
        self._deliveries = [
            Delivery(
                settings=each,
                logs=logs,
                journal=journal,
                stored=stored,
                clock=clock,
                pause_after=pause_after,
            )
            for each in sinks
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start one task for each sink."""
        self._tasks = [
            asyncio.create_task(delivery.run(), name=f"audit sink {delivery.settings.name}")
            for delivery in self._deliveries
        ]

    async def statuses(self) -> list[SinkStatus]:
        """Return the status of every sink, in the order of the configuration."""
        return [await delivery.status() for delivery in self._deliveries]

    def progress(self) -> list[SinkStatus]:
        """Return the same without `behind`, at once and without a look at the disk."""
        return [delivery.progress() for delivery in self._deliveries]

    async def anomalies(self) -> list[SinkAnomaly]:
        """Return how the position files differ from the database; what cannot be read is an error of its sink."""
        found: list[SinkAnomaly] = []
        for delivery in self._deliveries:
            with suppress(AmbassadorError):
                found += await delivery.anomalies()
        return found

    async def first_needed_segment(self, writer: str) -> int | None:
        """Return the first segment of a writer that a sink still has to read; None if there is no sink.

        Raises AuditUnavailableError if that is unknown; then no segment may be removed.
        """
        needed = [await delivery.first_needed_segment(writer) for delivery in self._deliveries]
        return min(needed, default=None)

    async def close(self) -> None:
        """Deliver for about a second more, and close all sinks."""
        for delivery in self._deliveries:
            delivery.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_ROUND_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        closing = [asyncio.create_task(delivery.settings.sink.close()) for delivery in self._deliveries]
        if closing:
            _, late = await asyncio.wait(closing, timeout=_CLOSING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)
