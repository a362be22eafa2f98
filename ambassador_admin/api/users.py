"""What `/v1/admin/users` takes."""

from ambassador_admin.api.request import Request, below, body_of, get, shown
from ambassador_protocol.admin.users import NewPassword, NewUser, UserPut
from ambassador_protocol.paths import USERS

MISSING = "ambassador-admin user list"


def every() -> Request:
    """List the users."""
    return get(USERS)


def one(name: str) -> Request:
    """Read one user."""
    return get(below(USERS, name), missing=MISSING)


def create(user: NewUser) -> Request:
    """Add a user."""
    return Request(
        method="POST", path=USERS, body=body_of(user), taken=f"ambassador-admin user show {shown(user.name)}"
    )


def set_password(name: str, password: NewPassword) -> Request:
    """Give a user a password."""
    return Request(method="PUT", path=below(USERS, name, "password"), body=body_of(password), missing=MISSING)


def update(name: str, facts: UserPut) -> Request:
    """Change what the facts name."""
    return Request(method="PATCH", path=below(USERS, name), body=body_of(facts), missing=MISSING)
