"""Passwords as Argon2id, by argon2-cffi, in threads of their own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ambassador_server.errors import OverloadedError
from ambassador_server.ports.passwords import PasswordTurn

T = TypeVar("T")

_AT_ONCE = 2  # of 64 MiB each
_MAY_WAIT = 32


class Argon2Passwords:
    """Implements `ports.passwords.PasswordHashing`; neither the event loop nor the memory is at a caller's mercy."""

    def __init__(
        self,
        *,
        parameters: Parameters = RFC_9106_LOW_MEMORY,
        at_once: int = _AT_ONCE,
        may_wait: int = _MAY_WAIT,
    ) -> None:
        # The threads bound what runs, even when those who asked for it have gone.
        pool = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="password")
        self._turn = _Turn(PasswordHasher.from_parameters(parameters), pool)
        self._places = asyncio.Semaphore(at_once)
        self._limit = at_once + may_wait
        self._taken = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[PasswordTurn]:
        """Wait for a turn; raises OverloadedError when too many wait already."""
        if self._taken >= self._limit:
            raise OverloadedError("Too many are logging in at the moment; try again shortly")
        self._taken += 1
        try:
            async with self._places:
                yield self._turn
        finally:
            self._taken -= 1


class _Turn:
    def __init__(self, hasher: PasswordHasher, pool: ThreadPoolExecutor) -> None:
        self._hasher = hasher
        self._pool = pool
        self._of_nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash in the standard form, with parameters and salt."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the stored password; a stored text that is no hash is nobody's."""
        if self._of_nobody is None:
            self._of_nobody = await self.hash(secrets.token_urlsafe())
        against = self._of_nobody if stored is None else stored
        is_right = await self._run(lambda: self._verify(password, against))
        return is_right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Compare the parameters."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
