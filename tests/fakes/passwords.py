"""A fast fake of password hashing, which records the verifications."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ambassador_server.errors import OverloadedError
from ambassador_server.ports.passwords import PasswordHasher


class PlainHasherPool:
    """Implements `ports.passwords.PasswordHasherPool`; a hash names the `version` that made it."""

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.verified: list[str | None] = []
        self.is_full = False

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PasswordHasher]:
        if self.is_full:
            raise OverloadedError("full")
        yield self

    async def hash(self, password: str) -> str:
        return f"{self.version}:{password[::-1]}"

    async def verify(self, password: str, stored: str | None) -> bool:
        self.verified.append(stored)
        return stored is not None and stored.partition(":")[2] == password[::-1]

    def is_outdated(self, stored: str) -> bool:
        return stored.partition(":")[0] != str(self.version)
