"""Where people sign in at an issuer."""

from msgspec import Struct


class LoginPlace(Struct, frozen=True, kw_only=True):
    """The endpoints of an issuer; `names_itself` tells that its answers have `iss`.

    `token_auth_methods` are the ways in which its clients authenticate, empty if it does not say.
    """

    authorization_endpoint: str
    token_endpoint: str
    device_endpoint: str | None
    names_itself: bool
    token_auth_methods: tuple[str, ...] = ()
