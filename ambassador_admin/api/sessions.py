"""Requests to `/v1/admin/sessions`."""

from ambassador_admin.api.request import Request, get, subpath
from ambassador_protocol.paths import SESSIONS

_MISSING = "ambassador-admin session list"


def list_all(*, user: str | None) -> Request:
    """List the open sessions, of all users or of one."""
    return get(SESSIONS, query={"user": user}, missing_hint="ambassador-admin user list")


def revoke(session_id: str) -> Request:
    """Revoke a session."""
    return Request(
        method="POST",
        path=subpath(SESSIONS, session_id, "revoke"),
        missing_hint=_MISSING,
        conflict_hint=_MISSING,
    )
