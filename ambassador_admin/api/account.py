"""Requests of administrators about themselves: login, logout and password."""

from ambassador_admin.api.request import Request, body_of, get
from ambassador_protocol.admin.account import Login, PasswordChange
from ambassador_protocol.paths import ADMIN_SIGN_IN, LOGIN, LOGOUT, OWN_PASSWORD
from ambassador_protocol.sign_in import SignIn


def login(user: str, password: str) -> Request:
    """Log in with a password; the answer holds the key of the login."""
    return Request(method="POST", path=LOGIN, body=body_of(Login(user=user, password=password)))


def sign_in_places() -> Request:
    """Ask where people sign in with the account of their organisation."""
    return get(ADMIN_SIGN_IN)


def sign_in(token: str, nonce: str) -> Request:
    """Exchange an ID token for a login; the answer holds its key."""
    return Request(method="POST", path=ADMIN_SIGN_IN, body=body_of(SignIn(id_token=token, nonce=nonce)))


def logout() -> Request:
    """End the login whose key authenticates the request."""
    return Request(method="POST", path=LOGOUT)


def change_password(change: PasswordChange) -> Request:
    """Change the password of the administrator."""
    return Request(method="PUT", path=OWN_PASSWORD, body=body_of(change))
