"""Requests to `/v1/admin/grants`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.paths import GRANTS

_MISSING = "ambassador-admin grant list"


def list_all() -> Request:
    """List the grants."""
    return get(GRANTS)


def add(grant: NewGrant) -> Request:
    """Add a grant, which permits or denies tools to a group."""
    return Request(
        method="POST",
        path=GRANTS,
        body=body_of(grant),
        missing_hint="ambassador-admin group list, ambassador-admin mcp list",
        conflict_hint=_MISSING,
    )


def update(grant: NewGrant) -> Request:
    """Change a grant that names the same: its expiry, owner and constraints."""
    return Request(method="PUT", path=GRANTS, body=body_of(grant), missing_hint=_MISSING)


def remove(grant_id: str) -> Request:
    """Remove a grant."""
    return Request(method="DELETE", path=subpath(GRANTS, grant_id), missing_hint=_MISSING)
