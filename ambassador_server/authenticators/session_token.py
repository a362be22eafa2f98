"""Authenticates registered client processes by their session token."""

from collections.abc import Awaitable

from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.secrets.tokens import SESSION_TOKEN_PREFIX
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.sessions import Sessions


class SessionTokenAuthenticator:
    """Accepts `amb_st_…`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def accepts(self, secret: str) -> bool:
        """Tell whether a secret is a session token."""
        return secret.startswith(SESSION_TOKEN_PREFIX)

    def authenticate(self, credentials: Credentials) -> Awaitable[Principal]:
        """Return the principal of the session."""
        return self._sessions.authenticate(credentials.secret, credentials.origin)
