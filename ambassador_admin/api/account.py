"""What administrators do about themselves: logging in with a password, and out again."""

from ambassador_admin.api.request import Request, body_of
from ambassador_protocol.admin.account import Login, PasswordChange
from ambassador_protocol.paths import LOGIN, LOGOUT, OWN_PASSWORD


def login(user: str, password: str) -> Request:
    """Open a login; the answer holds its secret."""
    return Request(method="POST", path=LOGIN, body=body_of(Login(user=user, password=password)))


def logout() -> Request:
    """End the login whose key is sent along."""
    return Request(method="POST", path=LOGOUT)


def change_password(change: PasswordChange) -> Request:
    """Change one's own password."""
    return Request(method="PUT", path=OWN_PASSWORD, body=body_of(change))
