"""Queues encoded records and writes those of one turn of the event loop with one write."""

import asyncio

from ambassador_protocol.audit.lines import Pruned, Tip, digest_of, event_line
from ambassador_server.audit_log.availability import Availability
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.segment_writer import SegmentWriter
from ambassador_server.audit_log.syncer import Syncer
from ambassador_server.audit_log.write_batch import WriteBatch
from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.ports.audit_log import AuditQueue


class GroupCommit:
    """The queue of a log, and the only class that writes to its segments.

    The hash chain runs ahead of the file by the queued records. `discard` takes it back to the last whole line of
    the file, so a record that was never written is never part of the chain. A failed write is reported to the
    availability, which calls `discard`.
    """

    def __init__(
        self,
        segments: SegmentWriter,
        syncer: Syncer,
        options: AuditLogOptions,
        availability: Availability,
    ) -> None:
        self._segments = segments
        self._syncer = syncer
        self._options = options
        self._availability = availability
        self._loop = asyncio.get_running_loop()
        self._tip = segments.tip
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._batch: WriteBatch | None = None
        self._checkpoint_timer: asyncio.TimerHandle | None = None

    @property
    def written_seq(self) -> int:
        """Return the sequence number of the last line in the file."""
        return self._segments.tip.seq

    @property
    def queued(self) -> AuditQueue:
        """Return what waits to be written."""
        return AuditQueue(records=len(self._queue), size=self._queued_bytes, written_seq=self.written_seq)

    @property
    def anchor(self) -> tuple[Anchor, int] | None:
        """Return the last checkpoint that this process wrote, and the size of its segment after it."""
        return self._segments.anchor

    def append(self, encoded: bytes) -> WriteBatch | None:
        """Queue a record and return its batch, which the next turn of the event loop writes; None in a full queue."""
        options = self._options
        if (
            len(self._queue) >= options.queue_max_records
            or self._queued_bytes + len(encoded) > options.queue_max_bytes
        ):
            return None
        line = self._link(encoded)
        self._queue.append(line)
        self._queued_bytes += len(line) + 1
        if self._batch is None:
            self._batch = WriteBatch(self._loop)
            self._loop.call_soon(self.flush)
        return self._batch

    def flush(self) -> None:
        """Write the queued records now."""
        batch = self._batch
        if batch is None:
            return
        try:
            self._segments.write(self._queue, self._tip)
        except OSError as error:
            self._availability.fail(error)
            return
        self._empty_queue()
        self._syncer.wrote(batch)
        if self._segments.is_due():
            self._rotate()
        self.plan_checkpoint()

    def discard(self, message: str) -> int:
        """Refuse the queued records with this message; returns how many there were."""
        count, batch = len(self._queue), self._batch
        self._empty_queue()
        if batch is not None:
            batch.settle(message)
        return count

    def checkpoint(self, reason: str, *, pruned: Pruned | None = None) -> None:
        """Write a checkpoint; the queue has to be flushed before."""
        try:
            self._segments.checkpoint(reason, pruned=pruned)
        except OSError as error:
            self._availability.fail(error)
            return
        self._tip = self._segments.tip
        self._syncer.wrote(WriteBatch(self._loop))

    def plan_checkpoint(self) -> None:
        """Plan a checkpoint in `checkpoint_interval` seconds, if there are records after the last one."""
        if self._segments.uncovered and self._checkpoint_timer is None:
            self._checkpoint_timer = self._loop.call_later(
                self._options.checkpoint_interval, self._checkpoint_in_time
            )

    def check(self) -> None:
        """Raise OSError when the file was replaced, deleted or changed by another program."""
        self._segments.check()

    def resume(self, encoded: bytes) -> None:
        """Make the log writable again after a failure and write this record first.

        The queue is empty then. Raises OSError or ConfigurationError when the log cannot be written.
        """
        before = self._segments.segment
        try:
            segment = self._segments.repair()
            if segment is not before:
                self._syncer.change_to(segment)
            if self._segments.must_sign is not None:
                # The segment that was given up has no closing checkpoint, so its successor begins with one.
                self._segments.checkpoint(self._segments.must_sign)
            self._tip = self._segments.tip
            line = self._link(encoded)
            self._segments.write([line], self._tip)
        finally:
            self._tip = self._segments.tip
        self._syncer.wrote(WriteBatch(self._loop))

    def end(self) -> None:
        """Write the checkpoint that marks an orderly end; raises OSError."""
        self._segments.close()

    def stop_timers(self) -> None:
        """Cancel the planned checkpoint."""
        if self._checkpoint_timer is not None:
            self._checkpoint_timer.cancel()

    def _link(self, encoded: bytes) -> bytes:
        line = event_line(encoded, self._tip)
        self._tip = Tip(self._tip.seq + 1, digest_of(line))
        return line

    def _empty_queue(self) -> None:
        self._queue, self._queued_bytes, self._batch = [], 0, None
        self._tip = self._segments.tip

    def _rotate(self) -> None:
        try:
            self._syncer.change_to(self._segments.rotate())
        except OSError as error:
            self._availability.fail(error)
        self._tip = self._segments.tip

    def _checkpoint_in_time(self) -> None:
        self._checkpoint_timer = None
        self.flush()
        if self._availability.failure is None and self._segments.uncovered:
            self.checkpoint("time")
