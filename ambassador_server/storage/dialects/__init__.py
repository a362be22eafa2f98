"""The interface to each kind of database; each file of this folder implements one and has the name of its URLs."""

import importlib
import pkgutil
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import Enum, IntEnum, auto
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ambassador_server.errors import ConfigurationError

T = TypeVar("T")


class Violation(Enum):
    """The kind of constraint that refused a row: a value that is taken, or a reference to a missing row."""

    TAKEN = auto()
    DANGLING = auto()


class Lock(IntEnum):
    """Locks that one transaction at a time may hold."""

    SCHEMA = 1
    POLICY = 2
    AUDIT = 3


class Dialect(Protocol):
    """One kind of database."""

    def accept(self, url: URL) -> URL:
        """Return the URL with our driver; raises ConfigurationError for an invalid one."""
        ...

    def describe(self, url: URL) -> str:
        """Return the name of the database for messages, without user, password and options."""
        ...

    def exists(self, url: URL) -> bool:
        """Tell whether the database exists, True if only a connection could tell."""
        ...

    def identity(self, url: URL) -> object:
        """Return a value that changes when the database file is deleted or replaced; always the same without a file."""
        ...

    def create(self, url: URL) -> None:
        """Create the database if this product may."""
        ...

    def engine(self, url: URL, *, migrating: bool = False) -> AsyncEngine:
        """Return an engine; with `migrating` it waits longer and leaves foreign keys to `verify`."""
        ...

    async def connect(self, engine: AsyncEngine) -> AsyncConnection:
        """Return a connection; a cancelled call leaves none open."""
        ...

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for what a connection does; a cancelled call leaves no statement running."""
        ...

    async def begin(self, connection: AsyncConnection, *, writes: bool, durable: bool) -> None:
        """Begin a transaction: a reader sees one snapshot and cannot write, a writer sees all earlier commits.

        Without `durable` a power cut may undo the commit, if the database is faster that way.
        """
        ...

    def writer_lock(self) -> AbstractAsyncContextManager[object]:
        """Return the lock that writers of one process take first."""
        ...

    def savepoint(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Return a context for one statement whose failure leaves the transaction usable."""
        ...

    async def lock(self, connection: AsyncConnection, lock: Lock) -> None:
        """Wait for the lock and hold it until the transaction ends."""
        ...

    async def verify(self, connection: AsyncConnection) -> bool:
        """Tell whether every foreign key holds, after a migration."""
        ...

    def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> tuple[str, Sequence[tuple[Any, ...]]]:
        """Return an INSERT for the driver, and its parameters, that skips rows with a key that is taken.

        It keeps the order of the rows. A time has to be in UTC, and any other value one that the driver takes.
        """
        ...

    def upsert(self, table: Table) -> Insert:
        """Return an INSERT that replaces the row with the same primary key."""
        ...

    def glob(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Return the condition that the whole text matches, case-sensitively; only `*` is a wildcard."""
        ...

    def hour(self, column: ColumnElement[datetime]) -> ColumnElement[str]:
        """Return the hour of a time in UTC as text, such as `2026-01-31 12`."""
        ...

    def contains(self, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
        """Return the condition that the column contains the text, case-sensitively and without wildcards."""
        ...

    def without_index(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """Return the column in a form for which the database prefers the index of another column."""
        ...

    def words(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the words of a list column as rows of a table of their own."""
        ...

    def violation(self, error: BaseException) -> Violation | None:
        """Return the violated constraint, None if the driver's error is another one."""
        ...

    def cause(self, error: BaseException) -> str:
        """Return what the driver's error means, without quoting it."""
        ...


def load(name: str) -> Dialect:
    """Return the dialect for URLs that begin with this name; raises ConfigurationError for an unknown one."""
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        raise ConfigurationError(f"{name!r} is not a database we know: use one of {', '.join(known)}.")
    dialect: Dialect = importlib.import_module(f"{__name__}.{name}").DIALECT
    return dialect
