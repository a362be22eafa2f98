"""What a database must be able to do for us; one file of this folder per database, named as its URLs begin."""

import importlib
import pkgutil
from contextlib import AbstractAsyncContextManager
from enum import Enum, IntEnum, auto
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ambassador_server.errors import ConfigurationError

T = TypeVar("T")


class Violation(Enum):
    """Which kind of constraint refused a row."""

    TAKEN = auto()
    DANGLING = auto()


class Lock(IntEnum):
    """What only one transaction at a time may work on."""

    SCHEMA = 1
    POLICY = 2
    AUDIT = 3


class Dialect(Protocol):
    """One kind of database."""

    def accept(self, url: URL) -> URL:
        """Return the URL with our driver in it, or raise ConfigurationError for one that makes no sense."""
        ...

    def describe(self, url: URL) -> str:
        """Name the database for a message, without user, password and options."""
        ...

    def exists(self, url: URL) -> bool:
        """Tell whether there is anything to connect to, as far as that shows from here."""
        ...

    def identity(self, url: URL) -> object:
        """Return what changes when somebody takes the database away or puts another in its place, if that shows."""
        ...

    def create(self, url: URL) -> None:
        """Make sure there is something to connect to, if that is ours to do."""
        ...

    def engine(self, url: URL, *, migrating: bool = False) -> AsyncEngine:
        """Return an engine; a migrating one is patient and leaves foreign keys to `verify`."""
        ...

    async def begin(self, connection: AsyncConnection, *, writes: bool, durable: bool) -> None:
        """Begin: a reader sees one moment and changes nothing, a writer sees what was committed before.

        What is not `durable` may be lost by a power cut, where that spares anything.
        """
        ...

    def turn(self) -> AbstractAsyncContextManager[object]:
        """Return what the writers of one process queue at."""
        ...

    def savepoint(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Wrap one statement, so that its failure leaves the transaction usable."""
        ...

    async def lock(self, connection: AsyncConnection, lock: Lock) -> None:
        """Wait until this transaction is the only one that holds the lock, and hold it until it ends."""
        ...

    async def verify(self, connection: AsyncConnection) -> bool:
        """Tell whether every foreign key holds, after a migration."""
        ...

    def insert_new(self, table: Table) -> Insert:
        """Return an INSERT that skips rows whose key is taken."""
        ...

    def upsert(self, table: Table) -> Insert:
        """Return an INSERT that overwrites the row with the same primary key."""
        ...

    def glob(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Match the whole text, case-sensitively; `*` stands for any run of characters, the rest for itself."""
        ...

    def aside(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """Return the column for a comparison or an order that another index shall be chosen over."""
        ...

    def words(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return each word of a column that holds several, as a row of its own table."""
        ...

    def violation(self, error: BaseException) -> Violation | None:
        """Tell which constraint the driver's error is about."""
        ...

    def cause(self, error: BaseException) -> str:
        """Say what the driver's error means, never quoting it."""
        ...


def load(name: str) -> Dialect:
    """Return the dialect for URLs that begin with this word."""
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        raise ConfigurationError(f"{name!r} is not a database we know: use one of {', '.join(known)}.")
    dialect: Dialect = importlib.import_module(f"{__name__}.{name}").DIALECT
    return dialect
