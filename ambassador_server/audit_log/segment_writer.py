"""Appends lines to the current segment, adds checkpoints, begins the next segment, and repairs a broken one."""

from datetime import datetime

from ambassador_protocol.audit.chain import RECOVERY, STOP, TORN
from ambassador_protocol.audit.lines import (
    FORMAT,
    Header,
    Pruned,
    Quarantined,
    Tip,
    digest_of,
    header_line,
    time_text,
)
from ambassador_server.audit_log.checkpoints import CheckpointMaker
from ambassador_server.audit_log.log_end import LogEnd
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.segment import Segment
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.ports.clock import Clock


class SegmentWriter:
    """The end of the log on disk; every method may raise OSError.

    `tip` is the last line that was written whole. `uncovered` counts the records since the last checkpoint, and
    `anchor` is the last checkpoint that this process wrote, with the size of its segment after it. `must_sign` is
    the reason of the checkpoint with which this segment has to begin, because the one before was given up.
    """

    def __init__(
        self,
        directory: WriterDirectory,
        writer: str,
        end: LogEnd,
        checkpoints: CheckpointMaker,
        clock: Clock,
        options: AuditLogOptions,
    ) -> None:
        self.tip = end.tip
        self.uncovered = end.uncovered
        self.anchor: tuple[Anchor, int] | None = None
        self.must_sign: str | None = None
        self._is_closed = end.is_closed
        self._directory = directory
        self._writer = writer
        self._checkpoints = checkpoints
        self._clock = clock
        self._max_bytes = options.segment_max_bytes
        self._max_age = options.segment_max_age
        self._checkpoint_records = options.checkpoint_records
        self._rotate_at = self._age_limit(end.created)
        self.segment = end.segment or self._create(1)
        if end.uncovered:
            # Said before any new record: this process cannot vouch for records that it found unsigned.
            line, tip = checkpoints.adoption(end.tip, end.key)
            self._append_checkpoint([line], tip)
        if end.key is not None and end.key != checkpoints.key_id:
            self._record_succession(end.key)

    def write(self, lines: list[bytes], tip: Tip) -> None:
        """Append records, the last of which is `tip`, and a checkpoint if one is due."""
        uncovered = self.uncovered + len(lines)
        if uncovered >= self._checkpoint_records:
            line, tip = self._checkpoints.checkpoint(tip, "records")
            self._append_checkpoint([*lines, line], tip)
        else:
            self._append(lines, tip)
            self.uncovered = uncovered

    def checkpoint(
        self, reason: str, *, pruned: Pruned | None = None, quarantined: Quarantined | None = None
    ) -> None:
        """Append a checkpoint."""
        line, tip = self._checkpoints.checkpoint(self.tip, reason, pruned=pruned, quarantined=quarantined)
        self._append_checkpoint([line], tip)

    def close(self) -> None:
        """Append the checkpoint that marks an orderly end, unless the log ends with one already."""
        if not self._is_closed:
            self.checkpoint(STOP)
            self._is_closed = True

    def is_due(self) -> bool:
        """Tell whether the segment is large or old enough to begin the next."""
        return self.segment.size >= self._max_bytes or self._clock.monotonic() >= self._rotate_at

    def rotate(self) -> Segment:
        """Begin the next segment, whose header names the last line of this one."""
        if self.uncovered:
            self.checkpoint("rotation")
        return self._begin_next()

    def repair(self) -> Segment:
        """Make the log writable again; returns the segment to go on with, a new one if the old cannot be continued."""
        self._directory.reclaim()
        if not self.segment.repair():
            self.must_sign = TORN if self.segment.torn else RECOVERY
            return self._begin_next()
        return self.rotate() if self.is_due() else self.segment

    def check(self) -> None:
        """Raise OSError when the file of the segment was replaced, deleted or changed by another program."""
        self.segment.check()

    def _append(self, lines: list[bytes], tip: Tip) -> None:
        self.segment.write(b"\n".join([*lines, b""]))
        self.tip = tip
        self._is_closed = False

    def _append_checkpoint(self, lines: list[bytes], tip: Tip) -> None:
        """Append lines, the last of which is a checkpoint."""
        self._append(lines, tip)
        self.uncovered, self.must_sign = 0, None
        number = self.segment.number
        anchor = Anchor(
            writer=self._writer, seq=tip.seq, digest=tip.digest, segment=number, at=self._clock.now()
        )
        self.anchor = (anchor, self.segment.size)

    def _begin_next(self) -> Segment:
        existing = self._directory.numbers()
        self.segment = self._create(max([self.segment.number, *existing]) + 1)
        return self.segment

    def _create(self, number: int) -> Segment:
        now = self._clock.now()
        header = Header(
            created=time_text(now),
            format=FORMAT,
            key=self._checkpoints.key_id,
            segment=number,
            writer=self._writer,
        )
        line = header_line(header, self.tip)
        segment = Segment.create(self._directory, number, line)
        self.tip = Tip(self.tip.seq + 1, digest_of(line))
        self._is_closed = False
        self._rotate_at = self._age_limit(now)
        return segment

    def _record_succession(self, key_id: str) -> None:
        made = self._checkpoints.succession(self.tip, key_id)
        if made is not None:
            self._append_checkpoint([made[0]], made[1])

    def _age_limit(self, created: datetime | None) -> float:
        # Only across a restart is the age a difference of wall-clock times; a clock that was set back means age zero.
        age = (self._clock.now() - created).total_seconds() if created is not None else 0.0
        return self._clock.monotonic() + self._max_age - max(age, 0.0)
