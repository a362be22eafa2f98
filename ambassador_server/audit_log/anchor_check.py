"""Compares the log of a writer with the anchor that the database has of it."""

from collections.abc import Iterator
from pathlib import Path

from ambassador_protocol.audit.files import quarantined_name, segment_name, segment_numbers
from ambassador_protocol.audit.lines import Checkpoint, digest_of, read_line
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_server.domain.audit.anchors import Anchor, AnchorLoss, LossKind
from ambassador_server.errors import ConfigurationError

_CHECKPOINT = b'{"checkpoint":'


def find_losses(
    audit_directory: Path, anchors: list[Anchor], trusted: dict[str, PublicKey]
) -> tuple[AnchorLoss, ...]:
    """Return a loss for each anchor that its log contradicts; changes nothing.

    Raises ConfigurationError when a log cannot be read.
    """
    found = []
    for anchor in anchors:
        try:
            kind = _contradiction(audit_directory / anchor.writer, anchor, trusted)
        except OSError as error:
            raise ConfigurationError(
                f"The audit log of {anchor.writer!r} cannot be read: {error.strerror}."
            ) from error
        if kind is not None:
            found.append(AnchorLoss(kind=kind, anchor=anchor))
    return tuple(found)


def _contradiction(directory: Path, anchor: Anchor, trusted: dict[str, PublicKey]) -> LossKind | None:
    if not directory.is_dir():
        return LossKind.WRITER_MISSING
    numbers = segment_numbers(directory)
    if not numbers or numbers[-1] < anchor.segment:
        return LossKind.ENDS_BEFORE
    last = b""
    if anchor.segment in numbers:
        for last in _lines(directory / segment_name(anchor.segment)):
            if last.startswith(_CHECKPOINT) and digest_of(last) == anchor.digest:
                return None
    end = read_line(last)
    ends_here = numbers[-1] == anchor.segment and (end is None or end.seq < anchor.seq)
    if ends_here:
        return LossKind.ENDS_BEFORE
    # Only a signed statement that this part was pruned or quarantined excuses its absence.
    return None if _is_removed(directory, numbers, anchor, trusted) else LossKind.DIFFERS


def _is_removed(directory: Path, numbers: list[int], anchor: Anchor, trusted: dict[str, PublicKey]) -> bool:
    return any(
        _removes(checkpoint, anchor, directory)
        and checkpoint.writer == anchor.writer
        and checkpoint.key in trusted
        and trusted[checkpoint.key].verifies(checkpoint.signature, checkpoint.signed_text())
        for number in reversed(numbers)
        for checkpoint in _checkpoints(directory / segment_name(number))
    )


def _removes(checkpoint: Checkpoint, anchor: Anchor, directory: Path) -> bool:
    pruned, broken = checkpoint.pruned, checkpoint.quarantined
    if pruned is not None and pruned.last_seq >= anchor.seq:
        return True
    # A log that had lost its end before it was broken must not be excused by its quarantine.
    return (
        broken is not None
        and broken.segment == anchor.segment
        and _has_line_of(anchor, directory / quarantined_name(broken.segment))
    )


def _has_line_of(anchor: Anchor, path: Path) -> bool:
    return path.is_file() and any(
        line.startswith(_CHECKPOINT) and digest_of(line) == anchor.digest for line in _lines(path)
    )


def _checkpoints(path: Path) -> Iterator[Checkpoint]:
    for line in _lines(path):
        read = read_line(line) if line.startswith(_CHECKPOINT) else None
        if read is not None and read.checkpoint is not None:
            yield read.checkpoint


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]
