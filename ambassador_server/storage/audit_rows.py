"""Converts audit records to rows of the index and back without loss.

The index accepts every record, because the log has it already. A column holds the searchable form of a text, and the
document holds the original wherever the two differ.
"""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Row

from ambassador_server.domain.audit.events import Actor, AuditEvent, AuditRecord, Resource
from ambassador_server.domain.audit.query import searchable
from ambassador_server.errors import InvalidInputError
from ambassador_server.storage.value_checks import check_key, check_value, encode_json

OMITTED = {"omitted": "These details are too deeply nested for the index; the log has them."}


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

COLUMNS = ("writer", "seq", "digest", "at", "action", "outcome", "actor_kind", "document", *_TEXTS)
"""The columns of a row in their order, without the cursor."""

_AT, _DOCUMENT = COLUMNS.index("at"), COLUMNS.index("document")


def to_row(record: AuditRecord) -> tuple[Any, ...]:
    """Return the values of the columns."""
    _check(record)
    event = record.event
    exact = _texts(event)
    columns = [None if text is None else searchable(text) for text in exact]
    differing = {} if columns == exact else _differing(exact, columns)
    return (
        record.writer,
        record.seq,
        record.digest,
        event.at.astimezone(UTC),
        event.action.value,
        event.outcome.value,
        event.actor.kind.value,
        _document(event, differing),
        *columns,
    )


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


def is_copy(record: AuditRecord, row: tuple[Any, ...]) -> bool:
    """Tell whether the values of the columns, as the database has them, are those of the record."""
    expected = list(to_row(record))
    found = list(row)
    found[_AT] = _time(found[_AT])
    if found == expected:
        return True
    # The details of an older version may be written in another way, but have the same values.
    found[_DOCUMENT], expected[_DOCUMENT] = _canonical(found[_DOCUMENT]), _canonical(expected[_DOCUMENT])
    return found[_DOCUMENT] is not None and found == expected


def _time(value: object) -> object:
    """Return a time in UTC, and what is no time unchanged; SQLite has it as text without a zone."""
    try:
        at = datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
        return at.astimezone(UTC) if isinstance(at, datetime) else at
    except (ValueError, OverflowError):
        return value


def _canonical(document: object) -> str | None:
    """Return a document with its members sorted; None for what is none."""
    try:
        return json.dumps(json.loads(document), sort_keys=True) if isinstance(document, str) else None
    except (ValueError, RecursionError):
        return None


def _check(record: AuditRecord) -> None:
    check_key(record.writer, "writer")
    check_value(record.seq, "seq")
    check_value(record.digest, "digest")
    check_value(record.event.at, "at")


def _texts(event: AuditEvent) -> list[str | None]:
    """Return the values of `_TEXTS` as the event has them."""
    return [
        event.actor.id,
        event.actor.name,
        event.resource.kind,
        event.resource.id,
        event.resource.name,
        event.reason,
        event.request_id,
        event.session_id,
        event.source,
    ]


def _differing(exact: list[str | None], columns: list[str | None]) -> dict[str, str | None]:
    pairs = zip(_TEXTS, exact, columns, strict=True)
    return {name: text for name, text, column in pairs if text != column}


def _document(event: AuditEvent, exact: dict[str, str | None]) -> str:
    document: dict[str, Any] = {"details": event.details}
    if event.actor.key_id is not None:
        document["key_id"] = event.actor.key_id
    if event.actor.key_name is not None:
        document["key_name"] = event.actor.key_name
    if exact:
        document["exact"] = exact
    try:
        # Some five times faster, but it refuses half surrogate pairs and large numbers.
        return msgspec.json.encode(document).decode()
    except (TypeError, ValueError, RecursionError):
        pass
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
