"""Proves a principal by the preshared key itself, for MCP hosts that connect without our client."""

from ambassador_server.domain.principal import Principal
from ambassador_server.domain.tokens import PRESHARED_KEY_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sessions import Sessions


class PresharedKeyAuthenticator:
    """Takes `amb_pk_…`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return the principal of the key; there is no session behind it."""
        if not credentials.secret.startswith(PRESHARED_KEY_PREFIX):
            return None
        return await self._sessions.identify(credentials.secret, credentials.origin)
