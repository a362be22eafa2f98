"""What `/v1/admin/admin-keys` takes."""

from ambassador_admin.api.request import Request, below, body_of, get
from ambassador_protocol.admin.admin_keys import NewAdminKey
from ambassador_protocol.paths import ADMIN_KEYS

_MISSING = "ambassador-admin admin-key list"


def every() -> Request:
    """List the admin keys and logins."""
    return get(ADMIN_KEYS)


def issue(key: NewAdminKey) -> Request:
    """Make an admin key; the answer holds its secret."""
    return Request(method="POST", path=ADMIN_KEYS, body=body_of(key), taken=_MISSING)


def revoke(name: str) -> Request:
    """End an admin key or a login at once and for good."""
    return Request(method="POST", path=below(ADMIN_KEYS, name, "revoke"), missing=_MISSING, taken=_MISSING)
