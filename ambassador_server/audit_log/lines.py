"""The bytes of one line of the log, and the chain that each line hangs on."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ambassador_server.domain.audit import AuditEvent

FORMAT = 1


class Tip(NamedTuple):
    """The last line of a chain: what the next line counts on from and names as `prev`."""

    seq: int
    digest: str


GENESIS = Tip(seq=0, digest="0" * 64)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What the first line of a segment says about it; its `prev` is the last line of the segment before."""

    created: datetime
    format: int
    segment: int
    writer: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line, as far as the chain is concerned: either a header or an event."""

    prev: str
    seq: int
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    header: Header | msgspec.UnsetType = msgspec.UNSET


class EventLine(msgspec.Struct, frozen=True):
    """One line with its event in domain terms; a header line has none."""

    seq: int
    event: AuditEvent | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(order="sorted", enc_hook=_plain)
_line_decoder = msgspec.json.Decoder(Line)
_event_line_decoder = msgspec.json.Decoder(EventLine)


def digest_of(line: bytes) -> str:
    """Return SHA-256 in hex of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def encode_event(event: AuditEvent) -> bytes:
    """Return canonical JSON; raises TypeError, ValueError or RecursionError for what JSON cannot hold."""
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        # Half a surrogate pair is legal in JSON text, but not in UTF-8: the record matters more than that character.
        plain = msgspec.to_builtins(event, enc_hook=_plain)
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def event_line(event: bytes, seq: int, prev: str) -> bytes:
    """Return the line of an encoded event."""
    return b'{"event":%b,"prev":"%b","seq":%d}' % (event, prev.encode(), seq)


def header_line(header: Header, seq: int, prev: str) -> bytes:
    """Return the first line of a segment."""
    return b'{"header":%b,"prev":"%b","seq":%d}' % (_encoder.encode(header), prev.encode(), seq)


def decode_line(line: bytes) -> Line | None:
    """Return the line, or None when it is no line of an audit log."""
    try:
        decoded = _line_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    is_event = decoded.event is not msgspec.UNSET
    is_header = decoded.header is not msgspec.UNSET
    return decoded if is_event is not is_header else None


def decode_event_line(line: bytes) -> EventLine:
    """Return the line in domain terms; raises msgspec.MsgspecError when it holds something else."""
    return _event_line_decoder.decode(line)
