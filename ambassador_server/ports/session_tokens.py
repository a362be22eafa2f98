"""Session tokens, as a port."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """The content of a genuine token."""

    session_id: str
    key_id: str
    expires_at: datetime


class SessionTokens(Protocol):
    """Mints tokens, and verifies them without a database."""

    def mint(self, session_id: str, key_id: str, expires_at: datetime) -> str:
        """Return a new token; both ids must be UUIDs."""
        ...

    def verify(self, token: str) -> SessionClaims | None:
        """Return the claims of a genuine token, expired or not; None for any other text."""
        ...
