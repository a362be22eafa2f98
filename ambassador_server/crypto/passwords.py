"""Hashes passwords with Argon2id (argon2-cffi) in a bounded pool of threads."""

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

_MAX_RUNNING = 2  # each takes 64 MiB
_MAX_WAITING = 32


class Argon2Passwords:
    """Implements `ports.passwords.PasswordHashing`; bounds how many hashes run and how many callers wait."""

    def __init__(
        self,
        *,
        parameters: Parameters = RFC_9106_LOW_MEMORY,
        max_running: int = _MAX_RUNNING,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        # The pool bounds what runs even after callers have been cancelled.
        pool = ThreadPoolExecutor(max_workers=max_running, thread_name_prefix="password")
        self._turn = _Turn(PasswordHasher.from_parameters(parameters), pool)
        self._running = asyncio.Semaphore(max_running)
        self._limit = max_running + max_waiting
        self._callers = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[PasswordTurn]:
        """Wait for a turn; raises OverloadedError when too many wait already."""
        if self._callers >= self._limit:
            raise OverloadedError("Too many are logging in at the moment; try again shortly")
        self._callers += 1
        try:
            async with self._running:
                yield self._turn
        finally:
            self._callers -= 1


class _Turn:
    def __init__(self, hasher: PasswordHasher, pool: ThreadPoolExecutor) -> None:
        self._hasher = hasher
        self._pool = pool
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash in PHC string format, with parameters and salt."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `stored` is a hash of this password; None takes as long as a hash and is always wrong."""
        if self._decoy is None:
            self._decoy = await self.hash(secrets.token_urlsafe())
        compared = self._decoy if stored is None else stored
        is_right = await self._run(lambda: self._verify(password, compared))
        return is_right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
