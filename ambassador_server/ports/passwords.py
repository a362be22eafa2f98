"""What the rules need to keep passwords: a hash that is slow on purpose, so only a few are worked on at once."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class PasswordTurn(Protocol):
    """One of the few places in which passwords are worked on; no longer valid when its block is left."""

    async def hash(self, password: str) -> str:
        """Return what to store for this password."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the stored password; None takes as long and is never right."""
        ...

    def is_outdated(self, stored: str) -> bool:
        """Tell whether it was made with other parameters than those of today."""
        ...


class PasswordHashing(Protocol):
    """Hashes and verifies passwords."""

    def turn(self) -> AbstractAsyncContextManager[PasswordTurn]:
        """Wait for a turn; raises OverloadedError when too many wait already."""
        ...
