"""Requests to `/v1/admin/users`."""

from ambassador_admin.api.request import Request, body_of, get, quoted, subpath
from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut
from ambassador_protocol.paths import USERS

MISSING = "ambassador-admin user list"


def list_all() -> Request:
    """List the users."""
    return get(USERS)


def show(name: str) -> Request:
    """Show one user."""
    return get(subpath(USERS, name), missing_hint=MISSING)


def create(user: NewUser) -> Request:
    """Create a user."""
    return Request(
        method="POST",
        path=USERS,
        body=body_of(user),
        conflict_hint=f"ambassador-admin user show {quoted(user.name)}",
    )


def set_password(name: str, password: NewPassword) -> Request:
    """Set the password of a user."""
    return Request(
        method="PUT", path=subpath(USERS, name, "password"), body=body_of(password), missing_hint=MISSING
    )


def update(name: str, changes: UserPut) -> Request:
    """Change the attributes that are set."""
    return Request(method="PATCH", path=subpath(USERS, name), body=body_of(changes), missing_hint=MISSING)
