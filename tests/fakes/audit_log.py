"""An audit log in memory, with the chain, the order and the failures of the real one."""

import asyncio
from collections.abc import Awaitable

from ambassador_protocol.audit.lines import GENESIS, Tip, digest_of, event_line
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.write_batch import WriteBatch
from ambassador_server.domain.audit.events import (
    SYSTEM,
    AuditAction,
    AuditEvent,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditQueue
from tests.fakes.clock import START

_BESIDE_EVENT = 100


class FakeAuditLog:
    """Implements `ports.audit_log.AuditLog`; a record counts as written at the end of the loop's turn."""

    def __init__(self, writer: str = "main") -> None:
        self._writer = writer
        self._tip = GENESIS
        self._records: list[AuditRecord] = []
        self._queue: list[AuditEvent] = []
        self._batch: WriteBatch | None = None
        self._failure: str | None = None
        self._refused = 0
        self.closed = False

    @property
    def writer(self) -> str:
        return self._writer

    @property
    def events(self) -> list[AuditEvent]:
        """The written events, in order."""
        return [record.event for record in self._records]

    def break_down(self, reason: str = "No space left on device") -> None:
        """Refuse all records until `mend`; queued records are lost."""
        self._failure = reason
        self._refused += len(self._queue)
        self._settle(reason)

    def mend(self) -> None:
        """Accept records again; the first one reports the failure."""
        details = {"failure": self._failure, "refused": self._refused}
        self._failure, self._refused = None, 0
        self._write(
            AuditEvent(
                at=START,
                action=AuditAction.LOG_RECOVERY,
                outcome=Outcome.SUCCEEDED,
                actor=SYSTEM,
                resource=Resource(kind="server", id=None, name=self._writer),
                details=details,
            )
        )

    def append(self, event: AuditEvent) -> Awaitable[None]:
        loop = asyncio.get_running_loop()
        if self._failure is not None:
            self._refused += 1
            refused = WriteBatch(loop)
            refused.settle(self._failure)
            return refused
        self._queue.append(event)
        if self._batch is None:
            self._batch = WriteBatch(loop)
            loop.call_soon(self._flush)
        return self._batch

    def failure(self) -> str | None:
        return self._failure

    def queue(self) -> AuditQueue:
        size = sum(len(encode_event(event)) for event in self._queue)
        return AuditQueue(records=len(self._queue), size=size, written_seq=len(self._records))

    def probe(self) -> str | None:
        return self._failure

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        found: list[AuditRecord] = []
        size, start = 0, self._start(after)
        for record in self._records[start : start + limit]:
            found.append(record)
            size += len(encode_event(record.event)) + _BESIDE_EVENT
            if max_bytes is not None and size >= max_bytes:
                break
        if not found:
            return [], after
        return found, LogPosition(seq=found[-1].seq, segment=1, offset=start + len(found))

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        return min(at_most, len(self._records) - self._start(after))

    async def end(self, *, now: bool) -> LogPosition | None:
        return LogPosition(seq=self._tip.seq, segment=1, offset=len(self._records))

    async def close(self) -> None:
        self._flush()
        self._failure = "it is closed"
        self.closed = True

    def _start(self, after: LogPosition | None) -> int:
        start = after.offset if after is not None else 0
        if start > len(self._records):
            raise AuditUnavailableError("the log ends before this position")
        return start

    def _flush(self) -> None:
        for event in self._queue:
            self._write(event)
        self._settle(None)

    def _settle(self, failure: str | None) -> None:
        batch, self._batch = self._batch, None
        self._queue.clear()
        if batch is not None:
            batch.settle(failure)

    def _write(self, event: AuditEvent) -> None:
        line = event_line(encode_event(event), self._tip)
        self._tip = Tip(self._tip.seq + 1, digest_of(line))
        self._records.append(
            AuditRecord(writer=self._writer, seq=self._tip.seq, digest=self._tip.digest, event=event)
        )
