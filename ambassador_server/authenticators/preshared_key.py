"""Authenticates MCP hosts that connect without our client, by a preshared key."""

from collections.abc import Awaitable

from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.key_proof import KeyProver


class PresharedKeyAuthenticator:
    """Accepts `amb_pk_…`."""

    def __init__(self, prover: KeyProver) -> None:
        self._prover = prover

    def accepts(self, secret: str) -> bool:
        """Tell whether a secret is a preshared key."""
        return secret.startswith(PRESHARED_KEY_PREFIX)

    def authenticate(self, credentials: Credentials) -> Awaitable[Principal]:
        """Return the principal of the key, which has no session."""
        return self._prover.identify(credentials.secret, credentials.origin)
