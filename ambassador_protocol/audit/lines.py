"""Writes and reads the lines of an audit log: events, headers and checkpoints."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

FORMAT: Final = 1
CHECKPOINT_TITLE: Final = "mcp-ambassador audit checkpoint 1"

_EVENT = re.compile(
    rb'\{"event":\{[^\x00-\x1f]*\},"prev":"([0-9a-f]{64})","seq":([1-9][0-9]{0,17})\}', re.DOTALL
)
_OTHER_LINE = 8192
_WRITER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_WORD = re.compile(r"[a-z][a-z-]{0,31}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{1,200}={0,2}")


class Tip(NamedTuple):
    """The last line of a chain: its sequence number and its digest, which the next line names as `prev`."""

    seq: int
    digest: str


GENESIS: Final = Tip(seq=0, digest="0" * 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a segment; its `prev` is the digest of the previous segment's last line.

    `key` is the id of the key that signs the checkpoints that follow.
    """

    created: str
    format: int
    key: str
    segment: int
    writer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a prune removed: every segment up to `segment`, whose last line has the digest `head`."""

    first_seq: int
    head: str
    last_seq: int
    segment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A broken segment that was quarantined: its file has `size` bytes with the SHA-256 digest `digest`.

    Line `line` is the first broken one. The line before it has the number `last_seq` and the digest `head`, which the
    next segment continues. No line of the broken file has a number above `highest_seq`.
    """

    digest: str
    head: str
    highest_seq: int
    last_seq: int
    line: int
    segment: int
    size: int

    def signed_line(self) -> str:
        """Return the line that the signed text of the checkpoint ends with."""
        numbers = f"{self.segment} {self.size} {self.line} {self.last_seq} {self.highest_seq}"
        return f"quarantined {numbers} {self.head} {self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement that the line before this one has the number `seq` and the digest `head`.

    As every line names the digest of the one before, it covers the whole chain up to there. `next_key`
    (SubjectPublicKeyInfo, base64) is the key that signs the checkpoints that follow; `pruned` describes removed
    segments, `quarantined` the broken segment before this one.
    """

    at: str
    head: str
    key: str
    reason: str
    seq: int
    signature: str
    writer: str
    next_key: str | None = None
    pruned: Pruned | None = None
    quarantined: Quarantined | None = None

    def signed_text(self) -> bytes:
        """Return the signed bytes: nine lines of text, with a dash for an absent value; a tenth for a quarantine."""
        gone = self.pruned
        facts = (
            CHECKPOINT_TITLE,
            f"writer {self.writer}",
            f"seq {self.seq}",
            f"head {self.head}",
            f"at {self.at}",
            f"key {self.key}",
            f"reason {self.reason}",
            f"next_key {self.next_key or '-'}",
            "pruned "
            + ("-" if gone is None else f"{gone.first_seq} {gone.last_seq} {gone.segment} {gone.head}"),
            *(() if self.quarantined is None else (self.quarantined.signed_line(),)),
        )
        return "".join(f"{fact}\n" for fact in facts).encode()


@dataclass(frozen=True, slots=True)
class Line:
    """One parsed line; an event has neither header nor checkpoint."""

    prev: str
    seq: int
    header: Header | None = None
    checkpoint: Checkpoint | None = None

    @property
    def is_event(self) -> bool:
        """Tell whether the line records an event."""
        return self.header is None and self.checkpoint is None


def digest_of(line: bytes) -> str:
    """Return the SHA-256 digest, in hex, of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def time_text(at: datetime) -> str:
    """Return a time in ISO-8601 UTC with milliseconds, as headers and checkpoints hold it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event_line(event: bytes, tip: Tip) -> bytes:
    """Return the line that appends an encoded event to the chain that ends with `tip`."""
    return b'{"event":%b,"prev":"%b","seq":%d}' % (event, tip.digest.encode(), tip.seq + 1)


def header_line(header: Header, tip: Tip) -> bytes:
    """Return the line that appends a header to the chain that ends with `tip`."""
    return _line("header", asdict(header), tip)


def checkpoint_line(checkpoint: Checkpoint, tip: Tip) -> bytes:
    """Return the line that appends a checkpoint to the chain that ends with `tip`."""
    members = {name: value for name, value in asdict(checkpoint).items() if value is not None}
    return _line("checkpoint", members, tip)


def read_line(line: bytes) -> Line | None:
    """Return the parsed line, or None when it is not a line of an audit log.

    The content of an event is not parsed: the digest of the line covers it.
    """
    event = _EVENT.fullmatch(line)
    if event is not None:
        return Line(event[1].decode(), int(event[2]))
    try:
        return _read_other(json.loads(line.decode())) if len(line) <= _OTHER_LINE else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _line(kind: str, members: Mapping[str, Any], tip: Tip) -> bytes:
    line = {kind: members, "prev": tip.digest, "seq": tip.seq + 1}
    return json.dumps(line, sort_keys=True, separators=(",", ":")).encode()


def _read_other(line: Any) -> Line:
    prev, seq = _text(line.pop("prev"), _DIGEST), _number(line.pop("seq"))
    [(kind, members)] = line.items()
    if kind == "header":
        return Line(prev, seq, header=_read_header(dict(members)))
    if kind == "checkpoint":
        return Line(prev, seq, checkpoint=_read_checkpoint(dict(members)))
    raise ValueError(kind)


def _read_header(members: dict[str, Any]) -> Header:
    if _number(members["format"]) != FORMAT:
        # Another version may have other members, so only the version is read.
        return Header(created="", format=members["format"], key="", segment=0, writer="")
    header = Header(**members)
    _text(header.created, _TIME)
    _text(header.key, _KEY_ID)
    _text(header.writer, _WRITER)
    _number(header.segment)
    return header


def _read_checkpoint(members: dict[str, Any]) -> Checkpoint:
    pruned = members.pop("pruned", None)
    quarantined = members.pop("quarantined", None)
    checkpoint = Checkpoint(
        **members,
        pruned=None if pruned is None else _read_pruned(pruned),
        quarantined=None if quarantined is None else _read_quarantined(quarantined),
    )
    for text, pattern in (
        (checkpoint.at, _TIME),
        (checkpoint.head, _DIGEST),
        (checkpoint.key, _KEY_ID),
        (checkpoint.reason, _WORD),
        (checkpoint.signature, _BASE64),
        (checkpoint.writer, _WRITER),
        ("A" if checkpoint.next_key is None else checkpoint.next_key, _BASE64),
    ):
        _text(text, pattern)
    _number(checkpoint.seq)
    return checkpoint


def _read_pruned(members: dict[str, Any]) -> Pruned:
    pruned = Pruned(**members)
    _text(pruned.head, _DIGEST)
    for number in (pruned.first_seq, pruned.last_seq, pruned.segment):
        _number(number)
    return pruned


def _read_quarantined(members: dict[str, Any]) -> Quarantined:
    quarantined = Quarantined(**members)
    _text(quarantined.digest, _DIGEST)
    _text(quarantined.head, _DIGEST)
    # A log that is broken in its first line has the last good number 0.
    for number in (quarantined.line, quarantined.segment):
        _number(number)
    # A quarantined segment may be an empty file, and may come before the first record.
    for number in (quarantined.size, quarantined.last_seq, quarantined.highest_seq):
        _number(number + 1)
    return quarantined


def _text(value: Any, pattern: re.Pattern[str]) -> str:
    # The whole text must match, because the signed bytes are built from these texts.
    if pattern.fullmatch(value) is None:
        raise ValueError(value)
    return str(value)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 < value < 10**18:
        raise ValueError(value)
    return value
