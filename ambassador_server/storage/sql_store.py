"""Implements `ports.store.Store`: units of work that read and write one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ambassador_server.errors import StorageError
from ambassador_server.ports.store import UnitOfWork
from ambassador_server.storage.database_url import Database
from ambassador_server.storage.migrate import require_current
from ambassador_server.storage.transaction import open_transaction
from ambassador_server.storage.unit_of_work import SqlUnitOfWork

_WRITER_SECONDS = 30


class SqlStore:
    """A database, used through SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._url = database.url
        self._identity = database.dialect.identity(database.url)
        self._engine = database.dialect.engine(database.url)
        self._writer_lock = database.dialect.writer_lock()
        self._closed = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """Open a consistent view for reading."""
        self._check_open()
        async with open_transaction(self._engine, self._dialect, writes=False) as transaction:
            yield SqlUnitOfWork(transaction)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[UnitOfWork]:
        """Open a transaction that may write; raises StorageError when other writers hold the database for too long."""
        async with AsyncExitStack() as stack:
            await self._take_writer_lock(stack)
            self._check_open()
            transaction = await stack.enter_async_context(
                open_transaction(self._engine, self._dialect, writes=True, durable=durable)
            )
            yield SqlUnitOfWork(transaction)

    async def close(self) -> None:
        """Close every connection; one in use closes when its unit of work ends."""
        self._closed = True
        await self._engine.dispose()

    async def _take_writer_lock(self, stack: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(_WRITER_SECONDS):
                await stack.enter_async_context(self._writer_lock)
        except TimeoutError:
            raise StorageError(
                f"Another writer has held the database for {_WRITER_SECONDS} seconds."
            ) from None

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError("The database is closed.")
        # A deleted file stays open, but everything written to it would be lost at the next start.
        if self._dialect.identity(self._url) != self._identity:
            raise StorageError("The database file was deleted or replaced.", hint="Restart the server.")


async def open_store(url: str) -> SqlStore:
    """Open a database that has the schema of this version.

    Raises ConfigurationError for an invalid URL, StorageError for a database that is missing, out of
    date, newer than this version, or not answering.
    """
    database = Database.parse(url)
    await require_current(database)
    return SqlStore(database)
