"""What `/v1/admin/keys` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.keys import KeyChange, KeyPut, KeyRotation, NewKey
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


def ensure(user: str, name: str, key: KeyPut) -> Request:
    """Make a client key unless the user has a good one of this name; the answer holds the secret of a new one."""
    return Request(
        method="PUT",
        path=below(KEYS, user, name),
        body=body_of(key),
        missing="ambassador-admin user list",
        taken=f"ambassador-admin key list --user {shown(user)}",
    )


def change(key_id: str, key: KeyChange) -> Request:
    """Suspend a client key, or activate it again."""
    return Request(
        method="PATCH", path=below(KEYS, key_id), body=body_of(key), missing=_MISSING, taken=_MISSING
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
