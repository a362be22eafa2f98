"""Delivering the audit: one task per sink reads committed records, hands them over and remembers how far it came."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.errors import AmbassadorError, SinkRefusedError, SinkUnavailableError
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.audit_sink import AuditSink, SinkJournal
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import LogPosition

LONGEST_WAIT = 60.0
"""A sink that fails is tried again after this many seconds at the latest, whatever it asks for."""

MAX_BEHIND = 100_000
"""Further than this nobody counts how many records wait."""

_log = logging.getLogger(__name__)
_REST = 2.0
"""How much longer a sink rests than it read, when it has more to read: calls come first."""

_LONGEST_WORDS = 300
_LAST_ROUND = 1.2
_CLOSING = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """What one sink shall get, and how; sizes in bytes of the log's lines, times in seconds."""

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
    """How one sink is doing; `positions` are sequence numbers by writer, `behind` stops counting at MAX_BEHIND.

    `delivered` and `dead_letters` count since the start of the server.
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
    """One sink; its `run` neither ends nor raises before `stop`.

    At least once and in order: a position is stored only when the receiver has everything before it. `pause_after`
    returns how long to wait after so many failures in a row.
    """

    order: SinkSettings
    logs: Sequence[AuditLogReader]
    journal: SinkJournal
    clock: Clock
    pause_after: Callable[[int], float]
    _positions: dict[str, LogPosition] | None = None
    _progress: _Progress = field(default_factory=_Progress)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Deliver until told to stop, then whatever the logs still hold, once more."""
        while not self._stopping.is_set():
            try:
                rest = await self._round()
                rest = self.order.linger if rest is None else rest
                self._note_success()
            except Exception as error:  # a supervisor: whatever went wrong with one sink, it is tried again
                asked_for = min(self._note_failure(error), LONGEST_WAIT)
                rest = max(self.pause_after(self._progress.failures), asked_for)
            await self._rest(rest)
        try:
            while await self._round() is not None:
                pass
        except Exception as error:  # what is left is delivered by the next start
            self._note_failure(error)

    def stop(self) -> None:
        """Let `run` end after a last round."""
        self._stopping.set()

    async def status(self) -> SinkStatus:
        """Tell how far the sink has come."""
        at, progress = self._positions or {}, self._progress
        return SinkStatus(
            name=self.order.name,
            kind=self.order.kind,
            positions={writer: position.seq for writer, position in at.items()},
            behind=await self._behind(),
            delivered=progress.delivered,
            dead_letters=progress.dead_letters,
            failures=progress.failures,
            last_success=progress.last_success,
            last_error=progress.last_error,
            last_error_at=progress.last_error_at,
        )

    async def first_needed_segment(self, writer: str) -> int:
        """Return the first segment of a writer that may hold something the sink does not have."""
        position = (await self._load()).get(writer)
        return 1 if position is None else position.segment

    async def _load(self) -> dict[str, LogPosition]:
        if self._positions is None:
            loaded = dict(await self.journal.load(self.order.name))
            # Two who asked at once must go on with one and the same.
            if self._positions is None:
                self._positions = loaded
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
        """Deliver one batch of each log; when one may have more, return how long to rest before that."""
        positions = await self._load()
        rests = [await self._batch(log, positions) for log in self.logs]
        return min((rest for rest in rests if rest is not None), default=None)

    async def _batch(self, log: AuditLogReader, positions: dict[str, LogPosition]) -> float | None:
        order, position, started = self.order, positions.get(log.writer), self.clock.monotonic()
        records, behind = await log.read(position, order.batch_records, order.batch_bytes)
        rest = (self.clock.monotonic() - started) * _REST
        if behind is None or behind == position:
            return None
        wanted = [record for record in records if order.wants(record.event)]
        if wanted:
            await self._hand_over(wanted)
        await self.journal.save(order.name, positions | {log.writer: behind})
        positions[log.writer] = behind
        return rest if self._was_full(len(records), position, behind) else None

    def _was_full(self, records: int, position: LogPosition | None, behind: LogPosition) -> bool:
        if records >= self.order.batch_records:
            return True
        if position is None or position.segment != behind.segment:
            return True
        return behind.offset - position.offset >= self.order.batch_bytes

    async def _hand_over(self, records: Sequence[AuditRecord]) -> None:
        try:
            async with asyncio.timeout(self.order.timeout):
                await self.order.sink.deliver(records)
        except TimeoutError:
            raise SinkUnavailableError(f"no answer within {self.order.timeout:g} seconds") from None
        except SinkRefusedError as error:
            await self._refused(records, error)
            return
        self._progress.delivered += len(records)

    async def _refused(self, records: Sequence[AuditRecord], error: SinkRefusedError) -> None:
        if len(records) == 1:
            self._note(_words(error))
            await self.journal.add_dead_letter(self.order.name, records[0], _words(error))
            self._progress.dead_letters += 1
            return
        # Which of them it was the receiver did not say; the others must not be lost with it.
        middle = len(records) // 2
        await self._hand_over(records[:middle])
        await self._hand_over(records[middle:])

    def _note_failure(self, error: Exception) -> float:
        """Remember what went wrong and return how long the receiver asked to be left alone."""
        if not self._progress.failures:
            _log.warning("audit sink %s fails: %s", self.order.name, _words(error))
        self._progress.failures += 1
        self._note(_words(error))
        return error.retry_after if isinstance(error, SinkUnavailableError) else 0.0

    def _note_success(self) -> None:
        if self._progress.failures:
            _log.warning("audit sink %s delivers again", self.order.name)
        self._progress.failures = 0
        self._progress.last_success = self.clock.now()

    def _note(self, problem: str) -> None:
        self._progress.last_error = problem
        self._progress.last_error_at = self.clock.now()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _words(error: Exception) -> str:
    text = error.message if isinstance(error, AmbassadorError) else f"{type(error).__name__}: {error}"
    # Part of it may be the receiver's own words, and it ends up in logs and on terminals.
    return "".join(sign if sign.isprintable() else " " for sign in mask_text(text)[:_LONGEST_WORDS])


class AuditDeliveries:
    """All the sinks of a server; a sink waits for nobody, and nobody waits for a sink."""

    def __init__(
        self,
        *,
        orders: Sequence[SinkSettings],
        logs: Sequence[AuditLogReader],
        journal: SinkJournal,
        clock: Clock,
        pause_after: Callable[[int], float],
    ) -> None:
        self._deliveries = [
            Delivery(order=order, logs=logs, journal=journal, clock=clock, pause_after=pause_after)
            for order in orders
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to deliver."""
        self._tasks = [
            asyncio.create_task(delivery.run(), name=f"audit sink {delivery.order.name}")
            for delivery in self._deliveries
        ]

    async def statuses(self) -> list[SinkStatus]:
        """Tell how every sink is doing, in the order of the configuration."""
        return [await delivery.status() for delivery in self._deliveries]

    async def first_needed_segment(self, writer: str) -> int | None:
        """Return the first segment of a writer that some sink still has to read; None when there is no sink.

        Raises AuditUnavailableError when that cannot be told: then nothing may be removed.
        """
        needed = [await delivery.first_needed_segment(writer) for delivery in self._deliveries]
        return min(needed, default=None)

    async def close(self) -> None:
        """Give every sink a last second, and let go of them."""
        for delivery in self._deliveries:
            delivery.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_ROUND)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        closing = [asyncio.create_task(delivery.order.sink.close()) for delivery in self._deliveries]
        if closing:
            _, late = await asyncio.wait(closing, timeout=_CLOSING)
            for task in late:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)
