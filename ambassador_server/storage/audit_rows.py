"""Converts audit records to rows of the index and back without loss.

The index accepts every record, because the log has it already. A column holds the searchable form of a text, and the
document holds the original wherever the two differ.
"""

import json
from typing import Any

from sqlalchemy import Row

from ambassador_server.domain.audit.events import Actor, AuditEvent, AuditRecord, Resource
from ambassador_server.domain.audit.query import searchable
from ambassador_server.errors import InvalidInputError
from ambassador_server.storage.value_checks import check_key, check_value, encode_json

OMITTED = {"omitted": "These details are too deeply nested for the index; the log has them."}


def to_row(record: AuditRecord) -> dict[str, Any]:
    """Return the values by column, without the cursor."""
    _check(record)
    event = record.event
    exact = _texts(event)
    columns = {name: searchable(text) for name, text in exact.items()}
    return columns | {
        "writer": record.writer,
        "seq": record.seq,
        "digest": record.digest,
        "at": event.at,
        "action": event.action,
        "outcome": event.outcome,
        "actor_kind": event.actor.kind,
        "document": _document(event, {name: text for name, text in exact.items() if text != columns[name]}),
    }


def from_row(row: Row[*tuple[Any, ...]]) -> AuditRecord:
    """Return the record."""
    document = _read(row.document)
    text = {name: getattr(row, name) for name in _TEXTS} | document.get("exact", {})
    event = AuditEvent(
        at=row.at,
        action=row.action,
        outcome=row.outcome,
        actor=Actor(
            kind=row.actor_kind,
            id=text["actor_id"],
            name=text["actor_name"],
            key_id=document.get("key_id"),
            key_name=document.get("key_name"),
        ),
        resource=Resource(kind=text["resource_kind"], id=text["resource_id"], name=text["resource_name"]),
        reason=text["reason"],
        request_id=text["request_id"],
        session_id=text["session_id"],
        source=text["source"],
        details=document["details"],
    )
    return AuditRecord(writer=row.writer, seq=row.seq, digest=row.digest, event=event)


_TEXTS = (
    "actor_id",
    "actor_name",
    "resource_kind",
    "resource_id",
    "resource_name",
    "reason",
    "request_id",
    "session_id",
    "source",
)


def _check(record: AuditRecord) -> None:
    check_key(record.writer, "writer")
    check_value(record.seq, "seq")
    check_value(record.digest, "digest")
    check_value(record.event.at, "at")


def _texts(event: AuditEvent) -> dict[str, str | None]:
    return {
        "actor_id": event.actor.id,
        "actor_name": event.actor.name,
        "resource_kind": event.resource.kind,
        "resource_id": event.resource.id,
        "resource_name": event.resource.name,
        "reason": event.reason,
        "request_id": event.request_id,
        "session_id": event.session_id,
        "source": event.source,
    }


def _document(event: AuditEvent, exact: dict[str, str | None]) -> str:
    document: dict[str, Any] = {"details": event.details}
    if event.actor.key_id is not None:
        document["key_id"] = event.actor.key_id
    if event.actor.key_name is not None:
        document["key_name"] = event.actor.key_name
    if exact:
        document["exact"] = exact
    try:
        return encode_json(document, "details")
    except InvalidInputError:
        return encode_json(document | {"details": OMITTED}, "details")


def _read(text: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(text)
    except RecursionError:
        return {"details": OMITTED}
    return document
