"""Requests to `/v1/admin/audit`."""

from collections.abc import Mapping

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.audit import Pruning
from ambassador_protocol.paths import (
    AUDIT_EVENTS,
    AUDIT_FILES,
    AUDIT_KEYS,
    AUDIT_PRUNING,
    AUDIT_STATISTICS,
    AUDIT_STREAM,
    AUDIT_TRACES,
    AUDIT_VERIFICATION,
)


def newest(filters: Mapping[str, str | None]) -> Request:
    """List the events that match, newest first."""
    return get(AUDIT_EVENTS, query=filters)


def after(filters: Mapping[str, str | None], cursor: str) -> Request:
    """List the events that match and came after the cursor, oldest first."""
    return get(AUDIT_EVENTS, query={**filters, "after": cursor})


def stream(filters: Mapping[str, str | None], cursor: str) -> Request:
    """Follow the events that match and come after the cursor, as Server-Sent Events."""
    return get(AUDIT_STREAM, query={**filters, "after": cursor})


def trace(found_by: str) -> Request:
    """Show every event of one request, given its id or the id of one of its events."""
    return get(
        subpath(AUDIT_TRACES, found_by),
        missing_hint="ambassador-admin audit query -o wide shows the ids of events and requests",
    )


def statistics(filters: Mapping[str, str | None], by: str, top: int) -> Request:
    """Count the events that match, by a word of the query language; `top` is the number of values."""
    return get(AUDIT_STATISTICS, query={**filters, "by": by, "top": str(top)})


def verification(since: str | None, until: str | None) -> Request:
    """Verify the server's audit log, or the segments with records from one time to another."""
    return get(AUDIT_VERIFICATION, query={"from": since, "to": until})


def keys() -> Request:
    """List the public keys that checkpoints are signed with, the current one first."""
    return get(AUDIT_KEYS)


def files() -> Request:
    """List the files of the audit log that a verification reads, each with its size."""
    return get(AUDIT_FILES)


def file_part(writer: str, name: str, offset: int, end: int) -> Request:
    """Read a file of the audit log from one byte up to another."""
    query = {"offset": str(offset), "end": str(end)}
    return get(subpath(AUDIT_FILES, writer, name), query=query, missing_hint="run the command again")


def prune(pruning: Pruning) -> Request:
    """Remove old records."""
    return Request(method="POST", path=AUDIT_PRUNING, body=body_of(pruning))
