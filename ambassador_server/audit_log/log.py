"""The audit log of one writer: the queue, the chain, group commit, and what happens when writing fails."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ambassador_protocol.audit.lines import Pruned, Tip, digest_of, event_line
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_server.audit_log.checkpoints import Notary
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.key_files import export_keys
from ambassador_server.audit_log.log_end import LogEnd, find_end
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.pruning import as_statement, find_prunable, remove_segments
from ambassador_server.audit_log.reader import count_records, read_records
from ambassador_server.audit_log.segment_writer import LogTail
from ambassador_server.audit_log.syncer import Syncer
from ambassador_server.audit_log.write_batch import Batch
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.events import (
    SYSTEM,
    AuditAction,
    AuditEvent,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.errors import AuditUnavailableError, ConfigurationError
from ambassador_server.ports.audit_log import CheckpointSigner, Removal
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import LogPosition

_log = logging.getLogger(__name__)


class JsonlAuditLog:
    """Serves ports.audit_log on the event loop that opened it; only reading and syncing use threads.

    The chain runs ahead of the file by what is queued. A failed write takes it back to the last whole line, so
    a record that was never written is never part of the chain.
    """

    def __init__(
        self,
        directory: WriterDirectory,
        writer: str,
        end: LogEnd,
        signer: CheckpointSigner,
        clock: Clock,
        options: AuditLogOptions,
    ) -> None:
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self._options = options
        self._loop = asyncio.get_running_loop()
        notary = Notary(writer, signer, clock)
        self._tail = LogTail(directory, writer, end, notary, clock, options)
        self._syncer = Syncer(
            options.fsync, options.fsync_interval, directory, self._tail.segment, self._fail
        )
        self._tip = self._tail.tip
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._batch: Batch | None = None
        self._failure: str | None = None
        self._refused = 0
        self._retry: asyncio.TimerHandle | None = None
        self._checkpoint_timer: asyncio.TimerHandle | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        audit_directory: Path,
        writer: str,
        *,
        signer: CheckpointSigner,
        clock: Clock,
        options: AuditLogOptions | None = None,
    ) -> Self:
        """Lock the writer's directory and go on where its log ends.

        Raises ConfigurationError when another server writes there, when the log is broken, or when the
        directory cannot be used.
        """
        try:
            directory = await asyncio.to_thread(WriterDirectory.lock, audit_directory, writer)
            try:
                keys = [PublicKey.from_base64(text) for text in signer.public_keys.values()]
                await asyncio.to_thread(export_keys, audit_directory, keys)
                end = await asyncio.to_thread(find_end, directory, writer)
                log = cls(directory, writer, end, signer, clock, options or AuditLogOptions())
            except (OSError, ConfigurationError):
                directory.close()
                raise
        except OSError as error:
            raise ConfigurationError(f"The audit log cannot be opened: {error}.") from error
        if end.torn is not None:
            await log.append(log._recovery(asdict(end.torn)))
        log._plan_checkpoint()
        return log

    @property
    def writer(self) -> str:
        """Return the name of this writer."""
        return self._writer

    def append(self, event: AuditEvent) -> Awaitable[None]:
        """Queue the event in order at once; awaiting it returns when the operating system has the record."""
        if self._failure is not None:
            self._refused += 1
            return self._settled(self._failure)
        try:
            encoded = encode_event(event)
        except (TypeError, ValueError, RecursionError) as error:
            return self._settled(f"the event has no JSON form: {error}")
        options = self._options
        if (
            len(self._queue) >= options.queue_max_records
            or self._queued_bytes + len(encoded) > options.queue_max_bytes
        ):
            return self._settled("its queue is full")
        self._enqueue(encoded)
        if self._batch is None:
            self._batch = Batch(self._loop)
            self._loop.call_soon(self._flush)
        return self._batch

    def failure(self) -> str | None:
        """Return why the log cannot take records now, or None."""
        return None if self._failure is None else f"{self._directory.path}: {self._failure}"

    def probe(self) -> str | None:
        """Look at the files, mend the log if it is broken and can be, and return `failure()`."""
        if self._closed:
            return self.failure()
        if self._failure is None:
            try:
                self._tail.check()
            except OSError as error:
                self._fail(error)
        if self._failure is not None:
            self._recover()
        return self.failure()

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` records behind a position, and the position behind the last of them.

        Only what would survive a power cut is returned, as far as the fsync policy promises anything: an index
        must never know a record that the log can still lose. Raises AuditUnavailableError when the files do not
        hold what the position says.
        """
        if not self._closed:
            # When that fails, what was durable before can still be read.
            with suppress(AuditUnavailableError):
                await self._syncer.catch_up()
        return await asyncio.to_thread(
            read_records, self._directory.path, self._writer, after, limit, self._syncer.durable, max_bytes
        )

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many records lie behind a position, of those that would survive a power cut."""
        return await asyncio.to_thread(
            count_records, self._directory.path, self._writer, after, at_most, self._syncer.durable
        )

    async def prunable(self, before: datetime, needed_from: int | None = None) -> Removal | None:
        """Return the segments that hold nothing younger and come before `needed_from`, or None."""
        try:
            return await asyncio.to_thread(find_prunable, self._directory.path, before, needed_from)
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {_reason(error)}.") from error

    async def prune(self, removal: Removal) -> None:
        """State in a signed line what goes, and remove it once that is on the disk."""
        self._flush()
        if self._failure is None:
            self._checkpoint("prune", pruned=as_statement(removal))
        if self._failure is not None:
            raise AuditUnavailableError(_complaint(self._failure))
        await self._syncer.catch_up()
        try:
            await asyncio.to_thread(remove_segments, self._directory, removal)
        except OSError as error:
            raise AuditUnavailableError(f"Old segments cannot be removed: {_reason(error)}.") from error

    async def close(self) -> None:
        """Write what is queued and the last checkpoint, flush to the disk and release the log.

        Raises AuditUnavailableError, with everything released, when the disk did not take it.
        """
        if self._closed:
            return
        self._closed = True
        self._flush()
        for timer in (self._retry, self._checkpoint_timer):
            if timer is not None:
                timer.cancel()
        healthy = self._failure is None
        if healthy:
            # What was recorded is safe without it; only the end is not proved to be the end.
            with suppress(OSError):
                self._tail.close()
        self._failure = "it is closed"
        failure = await self._syncer.close()
        self._directory.close()
        if failure is not None and healthy:
            raise AuditUnavailableError(_complaint(_reason(failure)))

    def _enqueue(self, encoded: bytes) -> None:
        line = event_line(encoded, self._tip)
        self._tip = Tip(self._tip.seq + 1, digest_of(line))
        self._queue.append(line)
        self._queued_bytes += len(line) + 1

    def _settled(self, failure: str) -> Batch:
        batch = Batch(self._loop)
        batch.settle(_complaint(failure))
        return batch

    def _take_queue(self) -> tuple[list[bytes], Batch | None]:
        lines, batch = self._queue, self._batch
        self._queue, self._queued_bytes, self._batch = [], 0, None
        return lines, batch

    def _flush(self) -> None:
        lines, batch = self._take_queue()
        if batch is None:
            return
        try:
            self._tail.write(lines, self._tip)
        except OSError as error:
            self._refused += len(lines)
            self._fail(error)
            batch.settle(_complaint(_reason(error)))
            return
        self._tip = self._tail.tip
        self._syncer.wrote(batch)
        if self._tail.is_due():
            self._rotate()
        self._plan_checkpoint()

    def _plan_checkpoint(self) -> None:
        if self._tail.uncovered and self._checkpoint_timer is None and not self._closed:
            self._checkpoint_timer = self._loop.call_later(
                self._options.checkpoint_interval, self._checkpoint_in_time
            )

    def _checkpoint_in_time(self) -> None:
        self._checkpoint_timer = None
        self._flush()
        if self._failure is None and self._tail.uncovered:
            self._checkpoint("time")

    def _checkpoint(self, reason: str, *, pruned: Pruned | None = None) -> None:
        try:
            self._tail.checkpoint(reason, pruned=pruned)
        except OSError as error:
            self._fail(error)
            return
        self._tip = self._tail.tip
        self._syncer.wrote(Batch(self._loop))

    def _rotate(self) -> None:
        try:
            self._syncer.change_to(self._tail.rotate())
        except OSError as error:
            self._fail(error)
        self._tip = self._tail.tip

    def _fail(self, error: OSError) -> None:
        if self._failure is not None:
            return
        self._failure = _reason(error)
        _log.error("audit log %s cannot take records: %s", self._directory.path, self._failure)
        self._tip = self._tail.tip
        lines, batch = self._take_queue()
        self._refused += len(lines)
        if batch is not None:
            batch.settle(_complaint(self._failure))
        self._retry_later()

    def _retry_later(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        if not self._closed:
            self._retry = self._loop.call_later(self._options.retry_interval, self._recover)

    def _recover(self) -> None:
        before = self._tail.segment
        try:
            segment = self._tail.mend()
            if segment is not before:
                self._syncer.change_to(segment)
            self._tip = self._tail.tip
            self._enqueue(encode_event(self._recovery({"failure": self._failure, "refused": self._refused})))
            lines, _ = self._take_queue()
            self._tail.write(lines, self._tip)
            self._tip = self._tail.tip
        except (OSError, ConfigurationError) as error:
            self._tip = self._tail.tip
            self._failure = _reason(error)
            self._retry_later()
            return
        _log.warning("audit log %s takes records again", self._directory.path)
        self._syncer.wrote(Batch(self._loop))
        self._failure, self._refused, self._retry = None, 0, None

    def _recovery(self, details: dict[str, Any]) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(),
            action=AuditAction.LOG_RECOVERY,
            outcome=Outcome.SUCCEEDED,
            actor=SYSTEM,
            resource=Resource(kind="server", id=None, name=self._writer),
            details=details,
        )


def _reason(error: OSError | ConfigurationError) -> str:
    # Callers are told what is wrong, not where the server keeps its files.
    return (error.strerror or "input/output error") if isinstance(error, OSError) else error.message


def _complaint(reason: str) -> str:
    return f"The audit log cannot take the record: {reason}."
