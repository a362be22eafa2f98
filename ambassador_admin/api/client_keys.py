"""Requests to `/v1/admin/keys`."""

from ambassador_admin.api.request import Request, body_of, get, quoted, subpath
from ambassador_protocol.admin.client_keys import KeyChange, KeyPut, KeyRotation, NewKey
from ambassador_protocol.paths import KEYS

_MISSING = "ambassador-admin key list"


def list_all(*, user: str | None) -> Request:
    """List the client keys, of all users or of one."""
    return get(KEYS, query={"user": user}, missing_hint="ambassador-admin user list")


def issue(key: NewKey) -> Request:
    """Issue a client key; the answer holds its secret."""
    return Request(
        method="POST",
        path=KEYS,
        body=body_of(key),
        missing_hint="ambassador-admin user list",
        conflict_hint=f"ambassador-admin key list --user {quoted(key.user)}",
    )


def ensure(user: str, name: str, key: KeyPut) -> Request:
    """Issue a client key unless the user has a valid one of this name; the answer holds the secret of a new one."""
    return Request(
        method="PUT",
        path=subpath(KEYS, user, name),
        body=body_of(key),
        missing_hint="ambassador-admin user list",
        conflict_hint=f"ambassador-admin key list --user {quoted(user)}",
    )


def change(key_id: str, key: KeyChange) -> Request:
    """Change what is set of a client key."""
    return Request(
        method="PATCH",
        path=subpath(KEYS, key_id),
        body=body_of(key),
        missing_hint=_MISSING,
        conflict_hint=_MISSING,
    )


def revoke(key_id: str, *, keep_replacements: bool = False) -> Request:
    """Revoke a client key and the keys that replaced it; with `keep_replacements` only the key itself."""
    return Request(
        method="POST",
        path=subpath(KEYS, key_id, "revoke"),
        query={"keep_replacements": "true"} if keep_replacements else {},
        missing_hint=_MISSING,
        conflict_hint=_MISSING,
    )


def rotate(key_id: str, rotation: KeyRotation) -> Request:
    """Issue a key that replaces another; the answer holds its secret."""
    return Request(
        method="POST",
        path=subpath(KEYS, key_id, "rotate"),
        body=body_of(rotation),
        missing_hint=_MISSING,
        conflict_hint="ambassador-admin key issue USER --name TEXT",
    )
