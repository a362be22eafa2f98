"""What the rules need from session tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a genuine token says of itself."""

    session_id: str
    key_id: str
    expires_at: datetime


class SessionTokens(Protocol):
    """Mints tokens that describe themselves, and tells genuine ones from others without a database."""

    def mint(self, session_id: str, key_id: str, expires_at: datetime) -> str:
        """Return a new token; both ids are UUIDs."""
        ...

    def verify(self, token: str) -> SessionClaims | None:
        """Return the claims of a genuine token, expired or not; None for any other text."""
        ...
