"""The audit log of one writer on disk."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_server.audit_log.availability import Availability, reason_of, refusal
from ambassador_server.audit_log.checkpoints import CheckpointMaker
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.group_commit import GroupCommit
from ambassador_server.audit_log.key_files import export_keys
from ambassador_server.audit_log.log_end import LogEnd, find_end
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.pruning import as_statement, find_prunable, remove_segments
from ambassador_server.audit_log.reader import count_records, read_records
from ambassador_server.audit_log.segment_writer import SegmentWriter
from ambassador_server.audit_log.syncer import Syncer
from ambassador_server.audit_log.unfinished import find_unfinished
from ambassador_server.audit_log.write_batch import WriteBatch
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.domain.audit.events import (
    SYSTEM,
    AuditAction,
    AuditEvent,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.errors import AuditUnavailableError, ConfigurationError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditQueue, CheckpointSigner, Removal
from ambassador_server.ports.clock import Clock


class JsonlAuditLog:
    """Implements `ports.audit_log` on the event loop that opened it; only reading and syncing use threads.

    `Availability` owns whether records are taken, `GroupCommit` queues and writes them, `Syncer` forces them to disk.
    `adopted` is how many records an earlier process had left unsigned.
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
        self.adopted = end.uncovered
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        segments = SegmentWriter(
            directory, writer, end, CheckpointMaker(writer, signer, clock), clock, options
        )
        self._availability = Availability(
            directory.path, options.retry_interval, discard=self._discard_queue, resume=self._record_recovery
        )
        self._syncer = Syncer(
            options.fsync, options.fsync_interval, directory, segments.segment, self._availability.fail
        )
        self._commit = GroupCommit(segments, self._syncer, options, self._availability)

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
        """Lock the writer's directory and continue its log.

        Raises ConfigurationError when another server writes there, when the log is broken, or when the
        directory cannot be used.
        """
        try:
            directory = await asyncio.to_thread(WriterDirectory.lock, audit_directory, writer)
            try:
                keys = [PublicKey.from_base64(text) for text in signer.public_keys.values()]
                await asyncio.to_thread(export_keys, audit_directory, keys)
                end = await asyncio.to_thread(find_end, directory, writer, keys_by_id(keys))
                log = cls(directory, writer, end, signer, clock, options or AuditLogOptions())
            except (OSError, ConfigurationError):
                directory.close()
                raise
        except OSError as error:
            raise ConfigurationError(f"The audit log cannot be opened: {error}.") from error
        if end.torn is not None or end.uncovered:
            found = {} if end.torn is None else asdict(end.torn)
            adopted = {"adopted": end.uncovered} if end.uncovered else {}
            await log.append(log._recovery_event(found | adopted))
        log._commit.plan_checkpoint()
        return log

    @property
    def writer(self) -> str:
        """Return the name of this writer."""
        return self._writer

    def append(self, event: AuditEvent) -> Awaitable[None]:
        """Queue the event in order at once; awaiting it returns when the operating system has the record."""
        if self._availability.failure is not None:
            self._availability.count_refused()
            return self._refused(self._availability.failure)
        try:
            encoded = encode_event(event)
        except (TypeError, ValueError, RecursionError) as error:
            return self._refused(f"the event has no JSON form: {error}")
        return self._commit.append(encoded) or self._refused("its queue is full")

    def failure(self) -> str | None:
        """Return why the log cannot take records now, or None."""
        failure = self._availability.failure
        return None if failure is None else f"{self._directory.path}: {failure}"

    def queue(self) -> AuditQueue:
        """Return how much waits for the write of this turn of the event loop."""
        return self._commit.queued

    def probe(self) -> str | None:
        """Check the files, repair the log if it is broken and can be, and return `failure()`."""
        availability = self._availability
        if availability.is_closed:
            return self.failure()
        if availability.failure is None:
            try:
                self._commit.check()
            except OSError as error:
                availability.fail(error)
        availability.recover()
        return self.failure()

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` records after a position, and the position after the last of them.

        Only records that are safe from a power cut are returned, as far as the fsync policy promises: an index must
        not hold a record that the log can still lose. Raises AuditUnavailableError when the position is not one in
        the files.
        """
        await self._make_durable()
        return await asyncio.to_thread(
            read_records, self._directory.path, self._writer, after, limit, self._syncer.durable, max_bytes
        )

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many durable records lie after a position, counting no further than `at_most`."""
        return await asyncio.to_thread(
            count_records, self._directory.path, self._writer, after, at_most, self._syncer.durable
        )

    async def end(self, *, now: bool) -> LogPosition | None:
        """Return the end of the durable lines; with `now`, what is written is made durable first."""
        seq = self._commit.written_seq
        if now:
            await self._make_durable()
        segment, offset = self._syncer.durable
        return LogPosition(seq=seq, segment=segment, offset=offset)

    async def anchor(self) -> Anchor | None:
        """Return the last checkpoint of this process once the disk has it; None without one."""
        if self._commit.anchor is None:
            return None
        anchor, end = self._commit.anchor
        if self._syncer.durable < (anchor.segment, end):
            await self._make_durable()
        return anchor if self._syncer.durable >= (anchor.segment, end) else None

    async def unfinished(self, longest: timedelta) -> list[AuditRecord]:
        """Return the attempts since the last start or stop without an outcome, at most so much older than the last."""
        try:
            return await asyncio.to_thread(find_unfinished, self._directory.path, self._writer, longest)
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {reason_of(error)}.") from error

    async def prunable(self, before: datetime, needed_from: int | None = None) -> Removal | None:
        """Return the segments that hold nothing younger and come before `needed_from`, or None."""
        try:
            return await asyncio.to_thread(find_prunable, self._directory.path, before, needed_from)
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {reason_of(error)}.") from error

    async def prune(self, removal: Removal) -> None:
        """Write a signed statement of the removal, and remove the segments once the statement is on the disk."""
        self._commit.flush()
        if self._availability.failure is None:
            self._commit.checkpoint("prune", pruned=as_statement(removal))
        if self._availability.failure is not None:
            raise AuditUnavailableError(refusal(self._availability.failure))
        await self._syncer.catch_up()
        try:
            await asyncio.to_thread(remove_segments, self._directory, removal)
        except OSError as error:
            raise AuditUnavailableError(f"Old segments cannot be removed: {reason_of(error)}.") from error

    async def close(self) -> None:
        """Write what is queued and the last checkpoint, flush to the disk and release the log.

        Raises AuditUnavailableError when the disk did not take the last records; everything is released even then.
        """
        if self._availability.is_closed:
            return
        self._commit.flush()
        self._commit.stop_timers()
        was_available = self._availability.close()
        if was_available:
            # Without this checkpoint no record is lost, only the orderly end of the log is not stated.
            with suppress(OSError):
                self._commit.end()
        failure = await self._syncer.close()
        self._directory.close()
        if failure is not None and was_available:
            raise AuditUnavailableError(refusal(reason_of(failure)))

    async def _make_durable(self) -> None:
        if not self._availability.is_closed:
            # When that fails, the records that were durable before can still be read.
            with suppress(AuditUnavailableError):
                await self._syncer.catch_up()

    def _refused(self, reason: str) -> WriteBatch:
        batch = WriteBatch(self._loop)
        batch.settle(refusal(reason))
        return batch

    def _discard_queue(self, message: str) -> int:
        return self._commit.discard(message)

    def _record_recovery(self, failure: str | None, refused: int) -> None:
        event = self._recovery_event({"failure": failure, "refused": refused})
        self._commit.resume(encode_event(event))

    def _recovery_event(self, details: dict[str, Any]) -> AuditEvent:
        return AuditEvent(
            at=self._clock.now(),
            action=AuditAction.LOG_RECOVERY,
            outcome=Outcome.SUCCEEDED,
            actor=SYSTEM,
            resource=Resource(kind="server", id=None, name=self._writer),
            details=details,
        )
