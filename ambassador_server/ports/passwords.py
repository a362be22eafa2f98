"""Password hashing, as ports; hashing is slow on purpose, so only a few passwords are hashed at once."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class PasswordTurn(Protocol):
    """The right to hash and verify passwords until the `async with` block ends."""

    async def hash(self, password: str) -> str:
        """Return the hash to store for this password."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password matches the stored hash; None takes as long and never matches."""
        ...

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other parameters than the current ones."""
        ...


class PasswordHashing(Protocol):
    """Hashes and verifies passwords."""

    def turn(self) -> AbstractAsyncContextManager[PasswordTurn]:
        """Wait for a turn. Raises OverloadedError if too many requests are waiting."""
        ...
