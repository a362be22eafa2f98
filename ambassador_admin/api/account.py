"""Requests of administrators about themselves: login, logout and password."""

from ambassador_admin.api.request import Request, body_of
from ambassador_protocol.admin.account import Login, PasswordChange
from ambassador_protocol.paths import LOGIN, LOGOUT, OWN_PASSWORD


def login(user: str, password: str) -> Request:
    """Log in with a password; the answer holds the key of the login."""
    return Request(method="POST", path=LOGIN, body=body_of(Login(user=user, password=password)))


def logout() -> Request:
    """End the login whose key authenticates the request."""
    return Request(method="POST", path=LOGOUT)


def change_password(change: PasswordChange) -> Request:
    """Change the password of the administrator."""
    return Request(method="PUT", path=OWN_PASSWORD, body=body_of(change))
