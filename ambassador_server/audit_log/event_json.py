"""Encodes audit events as canonical JSON and decodes lines of the log."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from ambassador_server.domain.audit.events import AuditEvent


class EventLine(msgspec.Struct, frozen=True):
    """One line of the log; a header or checkpoint has no event."""

    seq: int
    event: AuditEvent | None = None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(order="sorted", enc_hook=_plain)
_event_line_decoder = msgspec.json.Decoder(EventLine)


def encode_event(event: AuditEvent) -> bytes:
    """Return canonical JSON; raises TypeError, ValueError or RecursionError for values that JSON cannot hold."""
    try:
        return _encoder.encode(event)
    except UnicodeEncodeError:
        # Half a surrogate pair is legal in JSON but not in UTF-8; losing that character is better than the record.
        plain = msgspec.to_builtins(event, enc_hook=_plain)
        text = json.dumps(plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def decode_event_line(line: bytes) -> EventLine:
    """Return the line with its event; raises msgspec.MsgspecError when it is not one of this version's lines."""
    return _event_line_decoder.decode(line)
