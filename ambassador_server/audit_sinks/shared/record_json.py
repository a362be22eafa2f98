"""Encodes an audit record for a receiver: one JSON object, with the members it has in the admin API or in a format."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ambassador_protocol.audit import foreign
from ambassador_server.domain.audit.events import Actor, AuditEvent, AuditRecord, Resource

OWN_FORMAT: Final = "ambassador"

_LENGTHS = (128, 16)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_converter = cache(foreign.converter)


def encode_record(record: AuditRecord, max_bytes: int, form: str = OWN_FORMAT) -> bytes:
    """Return the record as one line of UTF-8 JSON of at most `max_bytes`, as far as shortening can achieve that.

    A record that is too large loses its details first, then the end of its long texts. The log has the whole record
    under the same writer and sequence number.
    """
    whole = _encode(record, form)
    if len(whole) <= max_bytes:
        return whole
    shortened = replace(record, event=replace(record.event, details={"omitted_bytes": len(whole)}))
    smaller = _encode(shortened, form)
    if len(smaller) <= max_bytes:
        return smaller
    for length in _LENGTHS:
        smaller = _encode(replace(record, event=_shortened(shortened.event, length)), form)
        if len(smaller) <= max_bytes:
            break
    return smaller


def _encode(record: AuditRecord, form: str) -> bytes:
    members = _members(record)
    if form != OWN_FORMAT:
        members = _converter(form)(msgspec.to_builtins(members, enc_hook=_plain))
    return _encoder.encode(members)


def _members(record: AuditRecord) -> dict[str, Any]:
    event = record.event
    return {
        "writer": record.writer,
        "seq": record.seq,
        "digest": record.digest,
        "at": event.at,
        "action": event.action,
        "outcome": event.outcome,
        "actor": event.actor,
        "resource": event.resource,
        "reason": event.reason,
        "request_id": event.request_id,
        "session_id": event.session_id,
        "source": event.source,
        "details": event.details,
    }


def _shortened(event: AuditEvent, length: int) -> AuditEvent:
    def cut(text: str | None) -> str | None:
        return text if text is None or len(text) <= length else text[: length - 3] + "..."

    actor, resource = event.actor, event.resource
    return replace(
        event,
        actor=Actor(
            kind=actor.kind,
            id=cut(actor.id),
            name=cut(actor.name),
            key_id=cut(actor.key_id),
            key_name=cut(actor.key_name),
        ),
        resource=Resource(kind=resource.kind[:length], id=cut(resource.id), name=cut(resource.name)),
        reason=cut(event.reason),
        request_id=cut(event.request_id),
        session_id=cut(event.session_id),
        source=cut(event.source),
    )
