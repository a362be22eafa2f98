"""Anchors that an auditor writes down: the end of each log that a checkpoint has signed, as text or JSON."""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ambassador_protocol.audit.files import segment_numbers
from ambassador_protocol.audit.lines import Tip
from ambassador_protocol.audit.quarantine import checkpoints_in

_ANCHOR = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,99}):([1-9][0-9]{0,17}):([0-9a-fA-F]{64})")


class InvalidAnchorError(ValueError):
    """A text that holds no anchors, or two of one writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAnchor:
    """The last record of a writer that a checkpoint covers, and when and with which key that was signed."""

    writer: str
    seq: int
    digest: str
    key: str
    at: str

    def __str__(self) -> str:
        """Return the line that an auditor stores."""
        return f"{self.writer}:{self.seq}:{self.digest} signed at {self.at} with key {self.key}"


def written_anchors(directory: Path) -> Iterator[WrittenAnchor]:
    """Return the anchor of each writer with a checkpoint; verify the directory first. Raises OSError."""
    for path in sorted(path for path in directory.iterdir() if path.is_dir()):
        by_segment = (deque(checkpoints_in(path, [number]), 1) for number in reversed(segment_numbers(path)))
        for last in next(filter(None, by_segment), ()):
            yield WrittenAnchor(writer=last.writer, seq=last.seq, digest=last.head, key=last.key, at=last.at)


def parse_anchors(text: str) -> dict[str, Tip]:
    """Return the anchors by writer: of lines WRITER:SEQ:DIGEST, what follows a space is ignored, or of a JSON list.

    Raises InvalidAnchorError.
    """
    found: dict[str, Tip] = {}
    for word in _words(text):
        anchor = _ANCHOR.fullmatch(word)
        if anchor is None:
            raise InvalidAnchorError(f"{word[:200]!r} is not WRITER:SEQ:DIGEST.")
        if anchor[1] in found:
            raise InvalidAnchorError(
                f"There are two anchors of {anchor[1]}; verify with one after the other."
            )
        found[anchor[1]] = Tip(int(anchor[2]), anchor[3].lower())
    if not found:
        raise InvalidAnchorError("There is no anchor.")
    return found


def _words(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        lines = (line.strip() for line in text.splitlines())
        return [line.split()[0] for line in lines if line and not line.startswith("#")]
    try:
        return [f"{item['writer']}:{item['seq']}:{item['digest']}" for item in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidAnchorError("The JSON is not a list of objects with writer, seq and digest.") from None
