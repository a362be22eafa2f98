"""The written end of the log: which segment takes lines, when the next one begins, and mending after a failure."""

from datetime import datetime

from ambassador_server.audit_log.directory import WriterDirectory
from ambassador_server.audit_log.lines import FORMAT, Header, Tip, digest_of, header_line
from ambassador_server.audit_log.opening import LogEnd
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.segment import Segment
from ambassador_server.ports.clock import Clock


class LogTail:
    """`tip` is the last line the operating system has, whatever failed since; every method may raise OSError."""

    def __init__(
        self, directory: WriterDirectory, writer: str, end: LogEnd, clock: Clock, options: AuditLogOptions
    ) -> None:
        self.tip = end.tip
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self._max_bytes = options.segment_max_bytes
        self._max_age = options.segment_max_age
        self._rotate_at = self._age_limit(end.created)
        self.segment = end.segment or self._create(1)

    def write(self, lines: bytes, tip: Tip) -> None:
        """Append whole lines, the last of which is `tip`."""
        self.segment.write(lines)
        self.tip = tip

    def is_due(self) -> bool:
        """Tell whether the segment is large or old enough to be followed by another."""
        return self.segment.size >= self._max_bytes or self._clock.monotonic() >= self._rotate_at

    def rotate(self) -> Segment:
        """Begin the next segment, which names the last line of this one."""
        taken = self._directory.numbers()
        self.segment = self._create(max([self.segment.number, *taken]) + 1)
        return self.segment

    def mend(self) -> Segment:
        """Make the log writable again and return the segment that goes on, a new one where the old cannot."""
        self._directory.reclaim()
        if self.segment.mend() and not self.is_due():
            return self.segment
        return self.rotate()

    def check(self) -> None:
        """Raise when what was written is not where it belongs any more."""
        self.segment.check()

    def _create(self, number: int) -> Segment:
        now = self._clock.now()
        seq = self.tip.seq + 1
        header = Header(created=now, format=FORMAT, segment=number, writer=self._writer)
        line = header_line(header, seq, self.tip.digest)
        segment = Segment.create(self._directory, number, line)
        self.tip = Tip(seq, digest_of(line))
        self._rotate_at = self._age_limit(now)
        return segment

    def _age_limit(self, created: datetime | None) -> float:
        # Ages are wall-clock differences only across a restart, and a clock set back counts as no age.
        age = (self._clock.now() - created).total_seconds() if created is not None else 0.0
        return self._clock.monotonic() + self._max_age - max(age, 0.0)
