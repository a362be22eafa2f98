"""What `/v1/admin/grants` takes."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.paths import GRANTS

_MISSING = "ambassador-admin grant list"


def list_all() -> Request:
    """List the grants."""
    return get(GRANTS)


def add(grant: NewGrant) -> Request:
    """Give a group tools, or deny them."""
    return Request(
        method="POST",
        path=GRANTS,
        body=body_of(grant),
        missing_hint="ambassador-admin group list, ambassador-admin mcp list",
        conflict_hint=_MISSING,
    )


def remove(grant_id: str) -> Request:
    """Take a grant back."""
    return Request(method="DELETE", path=subpath(GRANTS, grant_id), missing_hint=_MISSING)
