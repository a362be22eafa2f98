"""Bodies of `/v1/sign-in` and `/v1/admin/sign-in`: people sign in with the account of their organisation."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ambassador_protocol.admin.strict import STRICT

CALLBACK_PATH = "/callback"
"""The only path that the listener of a command answers; a provider is told `http://127.0.0.1/callback`, any port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginIssuer:
    """An issuer that people can sign in with.

    The endpoints are null while the document of the issuer cannot be read, and `device_endpoint` also where it has
    none. `names_itself` tells that it sends `iss` with the code (RFC 9207), so that a code without it is refused.
    """

    name: str
    url: str
    client_id: str
    scopes: list[str]
    authorization_endpoint: str | None
    token_endpoint: str | None
    device_endpoint: str | None
    names_itself: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginIssuers:
    """`GET /v1/sign-in`: the issuers that people can sign in with, by name."""

    issuers: list[LoginIssuer]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """`POST /v1/admin/sign-in`: the ID token of a provider, which is neither kept nor recorded.

    `nonce` is the secret whose SHA-256, as base64url, the token has as its nonce.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    id_token: str = field(repr=False)
    nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSignIn(SignIn):
    """`POST /v1/sign-in`: the same for a client key of a machine, which replaces the one that the machine had."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    machine: str
