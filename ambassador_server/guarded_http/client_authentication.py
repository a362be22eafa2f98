"""How this server authenticates as a client at the endpoints of an authorization server (RFC 6749, RFC 7523)."""

import base64
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from ambassador_server.domain.secrets.shared_secrets import without_mark
from ambassador_server.errors import AuthorizationError

FORM: Final = "application/x-www-form-urlencoded"
BASIC: Final = "client_secret_basic"
POST: Final = "client_secret_post"
PRIVATE_KEY: Final = "private_key_jwt"
NO_SECRET: Final = "none"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 60
_PEM: Final = "-----BEGIN "
_CURVES: Final[Mapping[str, str]] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class SignedForm(Struct, frozen=True):
    """A request with the authentication of a client; both parts may hold secrets, and are never to be quoted."""

    body: bytes
    headers: Mapping[str, str]


def authenticated_form(
    method: str, client: str, secret: str, parameters: Mapping[str, str], *, audience: str = ""
) -> SignedForm:
    """Return a form with the authentication of a client.

    The secret of `private_key_jwt` is a key, whose assertions are for `audience`. Raises AuthorizationError for a text
    that is no key.
    """
    form, headers = dict(parameters), {}
    match method:
        case "client_secret_basic":
            headers["Authorization"] = _basic(client, secret)
        case "client_secret_post":
            form |= {"client_id": client, "client_secret": secret}
        case "private_key_jwt":
            form |= {
                "client_id": client,
                "client_assertion_type": _ASSERTION,
                "client_assertion": _assertion(client, secret, audience),
            }
        case _:
            form["client_id"] = client
    return SignedForm(urlencode(form).encode(), headers)


def choose_method(offered: Sequence[str], *, preferred: Sequence[str] = (BASIC, POST)) -> str | None:
    """Return the first of the preferred methods that a server offers, None if it offers none of them."""
    return next((method for method in preferred if method in offered), None)


def is_private_key(secret: str) -> bool:
    """Tell whether a secret is a key to sign with, and no text that both sides know."""
    return _PEM in secret


def _basic(client: str, secret: str) -> str:
    # RFC 6749 §2.3.1: both are encoded as in a form before they are joined; every decoder understands a space as %20.
    joined = f"{quote(client, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(joined.encode()).decode()}"


def _assertion(client: str, secret: str, audience: str) -> str:
    key, algorithm = _signing_key(secret)
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "jti": str(uuid.uuid4())}
    return jwt.encode({**claims, "iat": now, "exp": now + _ASSERTION_SECONDS}, key, algorithm=algorithm)


def _signing_key(secret: str) -> tuple[Any, str]:
    try:
        key = load_pem_private_key(without_mark(secret).encode(), None)
    except (ValueError, TypeError):
        raise AuthorizationError("The secret of the client is no private key without a password.") from None
    if isinstance(key, RSAPrivateKey):
        return key, "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key, _CURVES[key.curve.name]
    if isinstance(key, Ed25519PrivateKey):
        return key, "EdDSA"
    raise AuthorizationError("The private key of the client is of no kind that signs assertions.")
