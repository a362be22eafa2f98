"""A session: the server-side life of one registered client process."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One client process. `token_digest` is SHA-256 of the token, which is stored nowhere.

    `expires_at` moves with every heartbeat up to `lifetime_ends_at`.
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
        """Tell whether a token of this session is still worth anything."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBounds:
    """How long a session may idle and live, and how many of one key a server holds."""

    idle: timedelta = timedelta(hours=8)
    lifetime: timedelta = timedelta(hours=24)
    per_key: int = 100

    def next_expiry(self, now: datetime, lifetime_ends_at: datetime) -> datetime:
        """Return when a session seen now expires."""
        return min(now + self.idle, lifetime_ends_at)
