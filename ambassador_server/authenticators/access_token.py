"""Authenticates principals by an access token of an issuer that the organisation trusts."""

from collections.abc import Awaitable
from typing import Final

from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.secrets.tokens import ACCESS_TOKEN_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.token_proof import TokenProver

_BEGINNINGS: Final = ("ey", ACCESS_TOKEN_PREFIX)
"""How a JSON object begins in base64, and the tokens that this server issues for identity assertions."""
_OWN: Final = "amb_"
"""How every secret of this server begins; none of them is ever shown to an issuer."""


class AccessTokenAuthenticator:
    """Accepts signed tokens (JWT) if any issuer is trusted, and other texts if an issuer can be asked about them."""

    def __init__(self, tokens: TokenProver) -> None:
        self._tokens = tokens

    def accepts(self, secret: str) -> bool:
        """Tell whether a secret may be a token of an issuer, and there is an issuer at all."""
        if secret.startswith(_BEGINNINGS):
            return self._tokens.are_accepted()
        return bool(secret) and not secret.startswith(_OWN) and self._tokens.are_opaque_accepted()

    def authenticate(self, credentials: Credentials) -> Awaitable[Principal]:
        """Return the principal of the token."""
        return self._tokens.authenticate(credentials.secret, credentials.origin)
