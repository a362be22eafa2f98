"""Authenticates MCP hosts that connect without our client, by a preshared key."""

from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.secrets.tokens import PRESHARED_KEY_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.key_proof import KeyProver


class PresharedKeyAuthenticator:
    """Accepts `amb_pk_…`."""

    def __init__(self, prover: KeyProver) -> None:
        self._prover = prover

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return the principal of the key, which has no session."""
        if not credentials.secret.startswith(PRESHARED_KEY_PREFIX):
            return None
        return await self._prover.identify(credentials.secret, credentials.origin)
