"""What `/v1/admin/audit` takes."""

from collections.abc import Mapping

from ambassador_admin.api.request import Request, body_of, get
from ambassador_protocol.admin.audit import Pruning
from ambassador_protocol.paths import AUDIT_EVENTS, AUDIT_KEYS, AUDIT_PRUNING, AUDIT_VERIFICATION


def newest(filters: Mapping[str, str | None]) -> Request:
    """List the events that match, newest first."""
    return get(AUDIT_EVENTS, query=filters)


def after(filters: Mapping[str, str | None], cursor: str) -> Request:
    """List the events that match and came after the cursor, oldest first."""
    return get(AUDIT_EVENTS, query={**filters, "after": cursor})


def verification(since: str | None, until: str | None) -> Request:
    """Have the server verify its log, or the part of it from one time to another."""
    return get(AUDIT_VERIFICATION, query={"from": since, "to": until})


def keys() -> Request:
    """List the public keys that checkpoints are signed with, the one that signs now first."""
    return get(AUDIT_KEYS)


def prune(pruning: Pruning) -> Request:
    """Remove what is old."""
    return Request(method="POST", path=AUDIT_PRUNING, body=body_of(pruning))
