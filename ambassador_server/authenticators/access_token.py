"""Authenticates principals by an access token of an issuer that the organisation trusts."""

from collections.abc import Awaitable

from ambassador_server.domain.people.principals import Principal
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.token_proof import TokenProver

_BEGINNING = "ey"
"""How a JSON object begins in base64, and no secret of this server does."""


class AccessTokenAuthenticator:
    """Accepts signed tokens (JWT), if any issuer is trusted."""

    def __init__(self, tokens: TokenProver) -> None:
        self._tokens = tokens

    def accepts(self, secret: str) -> bool:
        """Tell whether a secret is a signed token, and there is an issuer at all."""
        return secret.startswith(_BEGINNING) and self._tokens.are_accepted()

    def authenticate(self, credentials: Credentials) -> Awaitable[Principal]:
        """Return the principal of the token."""
        return self._tokens.authenticate(credentials.secret, credentials.origin)
