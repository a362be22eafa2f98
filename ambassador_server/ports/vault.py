"""The interface of the vault, which seals the credentials of users."""

from collections.abc import Collection
from typing import Protocol

from msgspec import Struct


class SecretPlace(Struct, frozen=True):
    """What a sealed value belongs to; it cannot be opened as another user's, for another MCP or as another field."""

    user_id: str
    mcp_id: str
    field: str


class Sealed(Struct, frozen=True):
    """A sealed value, and the number of the master key that it needs."""

    key_number: int
    content: bytes


class Vault(Protocol):
    """Seals values under keys that are derived for each user from the newest master key."""

    @property
    def newest(self) -> int:
        """Return the number of the master key that seals now; raises VaultKeyMissingError if there is none."""
        ...

    @property
    def numbers(self) -> Collection[int]:
        """Return the numbers of the master keys that are there now; raises VaultKeyMissingError for an unusable one."""
        ...

    def lacks(self, sealed: Sealed) -> bool:
        """Tell whether the master key that sealed the content is not there, or is another one."""
        ...

    def seal(self, value: bytes, place: SecretPlace) -> Sealed:
        """Seal a value."""
        ...

    def open(self, sealed: Sealed, place: SecretPlace) -> bytes:
        """Return the value.

        Raises VaultKeyMissingError without its master key, and VaultDamagedError for content that was changed, or moved
        from another place.
        """
        ...
