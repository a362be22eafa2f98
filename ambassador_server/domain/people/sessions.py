"""Sessions of registered client processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The session of one client process.

    `token_digest` is SHA-256 of the token, which is never stored. Every heartbeat moves `expires_at`, at most to
    `lifetime_ends_at`.
    """

    session_id: str
    connection_id: str
    user_id: str
    key_id: str
    token_digest: bytes
    friendly_name: str
    host_tool: str
    created_at: datetime
    expires_at: datetime
    lifetime_ends_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    end_reason: str | None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the session has neither ended nor expired."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBounds:
    """How long a session may be idle, how long it may last, and how many one key may have open on a server."""

    idle: timedelta = timedelta(hours=8)
    lifetime: timedelta = timedelta(hours=24)
    per_key: int = 100

    def next_expiry(self, now: datetime, lifetime_ends_at: datetime) -> datetime:
        """Return when a session expires that was last seen now."""
        return min(now + self.idle, lifetime_ends_at)
