"""Quarantines a broken last segment and continues the log in the next one with a signed statement of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ambassador_protocol.audit.chain import ChainBreak, ChainProof, check_segment
from ambassador_protocol.audit.files import quarantined_name, segment_name
from ambassador_protocol.audit.lines import (
    FORMAT,
    GENESIS,
    Header,
    Quarantined,
    Tip,
    digest_of,
    event_line,
    header_line,
    read_line,
    time_text,
)
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_protocol.audit.quarantine import file_digest
from ambassador_server.audit_log.checkpoints import CheckpointMaker
from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.audit_log.log_end import save_torn_tail
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditEvent,
    Outcome,
    Resource,
)
from ambassador_server.ports.audit_log import CheckpointSigner
from ambassador_server.ports.clock import Clock

_SHORTEST_LINE = 64
"""Every line holds a digest of 64 characters, so a number of bytes has fewer lines than a 64th of it."""
_FARTHEST_NUMBER = 10**9
"""A number that is farther above the last good one was not given by this log: a segment has far fewer lines."""


@dataclass(frozen=True, slots=True)
class BrokenSegment:
    """The broken last segment of a writer: the first break, the statement to sign, and the key that the log expects.

    `empty` are later segments without a whole line, which a server left that died as it began them.
    """

    path: Path
    found: ChainBreak
    statement: Quarantined
    key: str | None
    empty: tuple[int, ...]

    @classmethod
    def find(cls, directory: WriterDirectory, writer: str, trusted: dict[str, PublicKey]) -> Self | None:
        """Return the last segment if a start would refuse it, without changing anything; raises OSError."""
        empty: list[int] = []
        for number in reversed(directory.numbers()):
            path = directory.path / segment_name(number)
            tip = GENESIS if number == 1 else None
            walk = check_segment(
                path, number=number, tip=tip, is_last=True, proof=ChainProof(writer, trusted)
            )
            if walk.fault is not None:
                return cls._describe(directory, number, writer, trusted, tuple(empty))
            if walk.header is not None:
                return None
            empty.append(number)
        return None

    @classmethod
    def _describe(
        cls,
        directory: WriterDirectory,
        number: int,
        writer: str,
        trusted: dict[str, PublicKey],
        empty: tuple[int, ...],
    ) -> Self:
        path = directory.path / segment_name(number)
        before = end_of_previous(directory, number, writer)
        # The link to the segment before is checked here, too, because a verification checks it.
        found = check_segment(
            path, number=number, tip=before, is_last=True, proof=ChainProof(writer, trusted)
        ).fault
        if found is None or found.line == 0:
            found = ChainBreak(1, (before or GENESIS).seq + 1, "the segment does not continue the one before")
        proof = ChainProof(writer, trusted)
        # The break can be in a line before the one at which it shows, so the good lines are read by themselves.
        good = check_segment(
            path, number=number, tip=before, is_last=True, proof=proof, first_lines=found.line - 1
        )
        statement = Quarantined(
            digest=file_digest(path),
            head=good.tip.digest,
            highest_seq=_highest_seq(path, good.tip.seq, good.end),
            last_seq=good.tip.seq,
            line=found.line,
            segment=number,
            size=path.stat().st_size,
        )
        return cls(path, found, statement, proof.key, empty)


def quarantine_segment(
    directory: WriterDirectory,
    writer: str,
    broken: BrokenSegment,
    *,
    signer: CheckpointSigner,
    clock: Clock,
) -> Path:
    """Begin the next segment with the statement, rename the broken file, and return its new path; raises OSError.

    The next segment is complete on the disk before the broken one is renamed: at no moment could a start continue the
    segment before, and give numbers out a second time.
    """
    number = broken.statement.segment
    for left in broken.empty:
        path = directory.path / segment_name(left)
        if path.stat().st_size:
            save_torn_tail(directory.path, left, 0)
        path.unlink()
    content = _next_segment(writer, broken, CheckpointMaker(writer, signer, clock), clock)
    partial = directory.path / f"{number + 1:08d}.partial"
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    partial.rename(directory.path / segment_name(number + 1))
    directory.sync()
    return finish(directory, number)


def unfinished_quarantine(
    directory: WriterDirectory, writer: str, trusted: dict[str, PublicKey]
) -> int | None:
    """Return the segment that a signed statement says was quarantined although its file has still its old name."""
    numbers = directory.numbers()
    if len(numbers) < 2:
        return None
    proof = ChainProof(writer, trusted)
    check_segment(
        directory.path / segment_name(numbers[-1]), number=numbers[-1], tip=None, is_last=True, proof=proof
    )
    return next((stated.segment for stated in proof.quarantined if stated.segment in numbers), None)


def finish(directory: WriterDirectory, number: int) -> Path:
    """Rename a broken segment, so that it is a segment no more; raises OSError."""
    gone = directory.path / quarantined_name(number)
    (directory.path / segment_name(number)).rename(gone)
    directory.sync()
    return gone


def _next_segment(writer: str, broken: BrokenSegment, checkpoints: CheckpointMaker, clock: Clock) -> bytes:
    stated, key = broken.statement, checkpoints.known_key(broken.key)
    now = clock.now()
    header = Header(created=time_text(now), format=FORMAT, key=key, segment=stated.segment + 1, writer=writer)
    tip = Tip(stated.highest_seq, stated.head)
    first = header_line(header, tip)
    tip = Tip(tip.seq + 1, digest_of(first))
    event = quarantine_event(writer, stated, broken.found.seq, broken.found.problem, clock)
    second = event_line(encode_event(event), tip)
    tip = Tip(tip.seq + 1, digest_of(second))
    third, _ = checkpoints.quarantine(tip, key, stated)
    return b"".join(line + b"\n" for line in (first, second, third))


def quarantine_event(writer: str, stated: Quarantined, record: int, problem: str, clock: Clock) -> AuditEvent:
    """Return the event of a quarantine; the break shows at the line with the number `record`."""
    return AuditEvent(
        at=clock.now(),
        action=AuditAction.LOG_QUARANTINE,
        outcome=Outcome.SUCCEEDED,
        actor=Actor(kind=ActorKind.SYSTEM, name="command line"),
        resource=Resource(kind="server", id=None, name=writer),
        details={
            "file": quarantined_name(stated.segment),
            "last_digest": stated.head,
            "last_seq": stated.last_seq,
            "line": stated.line,
            "problem": problem,
            "record": record,
            "sha256": stated.digest,
            "size": stated.size,
        },
    )


def end_of_previous(directory: WriterDirectory, number: int, writer: str) -> Tip | None:
    """Return the last line of the segment before a segment, or None when that is missing or broken itself."""
    if number == 1:
        return GENESIS
    path = directory.path / segment_name(number - 1)
    if not path.is_file():
        return None
    proof = ChainProof(writer, None)
    walk = check_segment(path, number=number - 1, tip=None, is_last=False, proof=proof)
    return walk.tip if walk.fault is None else None


def _highest_seq(path: Path, last_seq: int, end: int) -> int:
    """Return a number that no line of a broken file exceeds, also one that cannot be read any more."""
    with path.open("rb") as file:
        file.seek(end)
        numbers = [line.seq for raw in file if (line := read_line(raw.removesuffix(b"\n"))) is not None]
    possible = last_seq + (path.stat().st_size - end) // _SHORTEST_LINE
    return max([possible, *(seq for seq in numbers if seq <= last_seq + _FARTHEST_NUMBER)])
