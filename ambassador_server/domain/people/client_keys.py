"""Client keys: the preshared keys of users."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.errors import ConflictError

MAX_KEYS_OF_USER: Final = 100
"""How many keys of one user can be used at a time: active or suspended, and not expired."""
MAX_KEYS_OF_LINE: Final = 5
"""How many keys that replaced each other can be used at a time."""


class KeyStatus(StrEnum):
    """Whether a key is accepted; only an active key opens a session or keeps it open."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


EXPIRED: Final = "expired"
SHOWN_STATUSES: Final = (*(status.value for status in KeyStatus), EXPIRED)
"""Every status that lists show; a key that has expired is not stored as such."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A preshared key of one user; `digest` is its HMAC under the pepper, never the key itself.

    `replaces` is the id of the key it was rotated from, `issuer_id` that of the issuer that its user signed in with.
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
    meta_tools: MetaTools = MetaTools.INHERIT
    issuer_id: str | None = None

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the key has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def shown_status(self, now: datetime) -> str:
        """Return the status for people: `expired` for a key that has expired and is not revoked."""
        expired = self.has_expired(now) and self.status is not KeyStatus.REVOKED
        return EXPIRED if expired else self.status.value

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key is active and has not expired; its user may still be inactive."""
        return self.status is KeyStatus.ACTIVE and not self.has_expired(now)

    def can_be_used(self, now: datetime) -> bool:
        """Tell whether the key is good, or would be if it were activated again."""
        return self.status is not KeyStatus.REVOKED and not self.has_expired(now)


def check_number_of_keys(of_user: Collection[ClientKey], now: datetime) -> None:
    """Raise ConflictError if a user with these keys may get no further one."""
    if sum(key.can_be_used(now) for key in of_user) >= MAX_KEYS_OF_USER:
        raise ConflictError(f"The user has {MAX_KEYS_OF_USER} keys that can be used; revoke one first.")


def check_length_of_line(key: ClientKey, of_user: Collection[ClientKey], now: datetime) -> None:
    """Raise ConflictError if this key may not be replaced, because too many keys of its line can be used.

    `of_user` holds all keys of the user. A line is a key, the key that it replaced, and so on.
    """
    known = {each.key_id: each for each in of_user}
    line = [known[each] for each in line_of(key.key_id, known) if each in known]
    if sum(each.can_be_used(now) for each in line) >= MAX_KEYS_OF_LINE:
        raise ConflictError(
            f"{MAX_KEYS_OF_LINE} keys that replaced each other can be used; revoke one, or wait until one expires."
        )


def line_of(key_id: str, keys: Mapping[str, ClientKey]) -> Iterator[str]:
    """Yield the id of a key, of the key that it replaced, and so on."""
    current: str | None = key_id
    while current is not None:
        yield current
        key = keys.get(current)
        current = None if key is None else key.replaces


def replacements(key_id: str, of_user: Collection[ClientKey]) -> list[ClientKey]:
    """Return the keys that replaced this one, directly or through others."""
    # By what they name, not by age: a clock that was set back must not hide a replacement.
    by_replaced: dict[str | None, list[ClientKey]] = {}
    for key in of_user:
        by_replaced.setdefault(key.replaces, []).append(key)
    found, waiting = list[ClientKey](), [key_id]
    while waiting:
        nearest = by_replaced.pop(waiting.pop(), [])
        found += nearest
        waiting += [key.key_id for key in nearest]
    return found
