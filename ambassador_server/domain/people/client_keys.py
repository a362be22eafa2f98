"""Client keys: the preshared keys of users."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyStatus(StrEnum):
    """Whether a key is accepted; only an active key opens a session or keeps it open."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A preshared key of one user; `digest` is its HMAC under the pepper, never the key itself.

    `replaces` is the id of the key it was rotated from.
    """

    key_id: str
    user_id: str
    name: str
    prefix: str
    digest: bytes
    status: KeyStatus
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_host: str | None
    owner: str | None = None
    replaces: str | None = None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key is active and has not expired; its user may still be inactive."""
        return self.status is KeyStatus.ACTIVE and not self.has_expired(now)
