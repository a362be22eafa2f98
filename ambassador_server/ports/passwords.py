"""Password hashing, as ports. Hashing is slow by design, so only a few passwords are hashed at a time."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class PasswordHasher(Protocol):
    """Hashes and verifies passwords; must not be used after its `async with` block has ended."""

    async def hash(self, password: str) -> str:
        """Return the hash to store for this password."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password matches the stored hash; None takes as long and never matches."""
        ...

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other parameters than the current ones."""
        ...


class PasswordHasherPool(Protocol):
    """Lends a limited number of hashers at a time."""

    def acquire(self) -> AbstractAsyncContextManager[PasswordHasher]:
        """Wait for a free hasher. Raises OverloadedError if too many requests are waiting."""
        ...
