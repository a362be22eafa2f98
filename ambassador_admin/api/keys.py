"""What `/v1/admin/keys` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.keys import KeyRotation, NewKey
from ambassador_protocol.paths import KEYS

_MISSING = "ambassador-admin key list"


def every(*, user: str | None) -> Request:
    """List the client keys, of everyone or of one user."""
    return get(KEYS, query={"user": user}, missing="ambassador-admin user list")


def issue(key: NewKey) -> Request:
    """Make a client key; the answer holds its secret."""
    return Request(
        method="POST",
        path=KEYS,
        body=body_of(key),
        missing="ambassador-admin user list",
        taken=f"ambassador-admin key list --user {shown(key.user)}",
    )


def revoke(key_id: str) -> Request:
    """End a client key at once and for good."""
    return Request(method="POST", path=below(KEYS, key_id, "revoke"), missing=_MISSING, taken=_MISSING)


def rotate(key_id: str, rotation: KeyRotation) -> Request:
    """Make a key in place of another; the answer holds its secret."""
    return Request(
        method="POST",
        path=below(KEYS, key_id, "rotate"),
        body=body_of(rotation),
        missing=_MISSING,
        taken="ambassador-admin key issue USER --name TEXT",
    )
