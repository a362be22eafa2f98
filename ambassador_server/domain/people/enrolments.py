"""Enrolments: one-time codes that users exchange for client keys."""

from dataclasses import dataclass
from datetime import datetime

from ambassador_server.domain.secrets.tokens import digest_key, plain_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A one-time code for one client key; `digest` is the HMAC of the code under the pepper.

    The key will have the name `key_name` and expire after `key_seconds`, or never if that is None.
    """

    enrolment_id: str
    user_id: str
    key_name: str
    key_seconds: int | None
    digest: bytes
    created_at: datetime
    created_by: str
    expires_at: datetime
    redeemed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the code can still be exchanged."""
        return self.redeemed_at is None and now < self.expires_at


def digest_code(code: str, pepper: bytes) -> bytes | None:
    """Return the digest that an enrolment keeps of its code, however it was typed; None for what cannot be one."""
    plain = plain_code(code)
    return None if plain is None else digest_key(f"enrol {plain}", pepper)
