"""What `/v1/admin/sessions` takes."""

from ambassador_admin.api.request import Request, below, get
from ambassador_protocol.paths import SESSIONS

_MISSING = "ambassador-admin session list"


def every(*, user: str | None) -> Request:
    """List the open sessions, of everyone or of one user."""
    return get(SESSIONS, query={"user": user}, missing="ambassador-admin user list")


def revoke(session_id: str) -> Request:
    """End a session."""
    return Request(
        method="POST", path=below(SESSIONS, session_id, "revoke"), missing=_MISSING, taken=_MISSING
    )
