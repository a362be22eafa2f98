"""A database as the services see it: units of work to read and to write."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ambassador_server.errors import StorageError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.storage.database_url import Target
from ambassador_server.storage.migrate import require_current
from ambassador_server.storage.transaction import transaction
from ambassador_server.storage.unit_of_work import SqlUnitOfWork

_TURN_SECONDS = 30


class SqlStore:
    """A database behind SQLAlchemy."""

    def __init__(self, target: Target) -> None:
        self._dialect = target.dialect
        self._url = target.url
        self._identity = target.dialect.identity(target.url)
        self._engine = target.dialect.engine(target.url)
        self._turn = target.dialect.turn()
        self._closed = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Open a consistent view for reading."""
        self._check_open()
        async with transaction(self._engine, self._dialect, writes=False) as begun:
            yield SqlUnitOfWork(begun)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[UnitOfWork]:
        """Open a transaction; one writer at a time."""
        async with AsyncExitStack() as stack:
            await self._wait_for_turn(stack)
            self._check_open()
            begun = await stack.enter_async_context(
                transaction(self._engine, self._dialect, writes=True, durable=durable)
            )
            yield SqlUnitOfWork(begun)

    async def close(self) -> None:
        """Close every connection; those in use close when their unit of work ends."""
        self._closed = True
        await self._engine.dispose()

    async def _wait_for_turn(self, stack: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await stack.enter_async_context(self._turn)
        except TimeoutError:
            raise StorageError(f"Another writer has held the database for {_TURN_SECONDS} seconds.") from None

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("The database is closed.")
        # An open file outlives its name: what is written to a deleted one would be gone at the next start.
        if self._dialect.identity(self._url) != self._identity:
            raise StorageError("The database file was deleted or replaced.", hint="Restart the server.")


async def open_store(url: str) -> SqlStore:
    """Open a database whose schema is the one this version knows.

    Raises ConfigurationError for a URL that makes no sense, StorageError for a database that is missing, out of
    date, newer than this version, or not answering.
    """
    target = Target.parse(url)
    await require_current(target)
    return SqlStore(target)
