"""Hashes passwords with Argon2id (argon2-cffi) in a bounded pool of threads."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import argon2
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

from ambassador_server.errors import OverloadedError
from ambassador_server.ports.passwords import PasswordHasher

T = TypeVar("T")

_MAX_RUNNING = 2  # each hash needs 64 MiB
_MAX_WAITING = 32


class Argon2HasherPool:
    """Implements `ports.passwords.PasswordHasherPool`; limits the running hashes and the waiting callers."""

    def __init__(
        self,
        *,
        parameters: argon2.Parameters = RFC_9106_LOW_MEMORY,
        max_running: int = _MAX_RUNNING,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        # A hash runs on after its caller was cancelled, so the threads must limit the running hashes, too.
        threads = ThreadPoolExecutor(max_workers=max_running, thread_name_prefix="password")
        self._hasher = _Hasher(argon2.PasswordHasher.from_parameters(parameters), threads)
        self._running = asyncio.Semaphore(max_running)
        self._limit = max_running + max_waiting
        self._callers = 0

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PasswordHasher]:
        """Wait for a free hasher. Raises OverloadedError if too many callers are waiting."""
        if self._callers >= self._limit:
            raise OverloadedError("Too many users are logging in now; try again shortly")
        self._callers += 1
        try:
            async with self._running:
                yield self._hasher
        finally:
            self._callers -= 1


class _Hasher:
    def __init__(self, library: argon2.PasswordHasher, threads: ThreadPoolExecutor) -> None:
        self._library = library
        self._threads = threads
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash in PHC string format, with parameters and salt."""
        return await self._run(lambda: self._library.hash(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether `stored` is a hash of this password; None takes as long as a hash and never matches."""
        if self._decoy is None:
            self._decoy = await self.hash(secrets.token_urlsafe())
        compared = self._decoy if stored is None else stored
        matches = await self._run(lambda: self._verify(password, compared))
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other parameters than the current ones."""
        return self._library.check_needs_rehash(stored)

    def _verify(self, password: str, stored: str) -> bool:
        try:
            return self._library.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
