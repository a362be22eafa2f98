"""Requests to `/v1/admin/admin-keys`."""

from ambassador_admin.api.request import Request, body_of, get, subpath
from ambassador_protocol.admin.admin_keys import NewAdminKey
from ambassador_protocol.paths import ADMIN_KEYS

_MISSING = "ambassador-admin admin-key list"


def list_all() -> Request:
    """List the admin keys and logins."""
    return get(ADMIN_KEYS)


def issue(key: NewAdminKey) -> Request:
    """Issue an admin key; the answer holds its secret."""
    return Request(method="POST", path=ADMIN_KEYS, body=body_of(key), conflict_hint=_MISSING)


def revoke(name: str) -> Request:
    """Revoke an admin key, or end a login."""
    return Request(
        method="POST", path=subpath(ADMIN_KEYS, name, "revoke"), missing_hint=_MISSING, conflict_hint=_MISSING
    )
