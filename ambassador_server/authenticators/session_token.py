"""Authenticates registered client processes by their session token."""

from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.secrets.tokens import SESSION_TOKEN_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.sessions import Sessions


class SessionTokenAuthenticator:
    """Accepts `amb_st_…`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Return the principal of the session."""
        if not credentials.secret.startswith(SESSION_TOKEN_PREFIX):
            return None
        return await self._sessions.authenticate(credentials.secret, credentials.origin)
