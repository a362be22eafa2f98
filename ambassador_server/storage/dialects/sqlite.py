"""The dialect for SQLite, which has one file, many readers and one writer."""

import asyncio
import logging
import os
import re
import sqlite3
import time
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import aiosqlite
from sqlalchemy import (
    ColumnElement,
    Insert,
    Table,
    Text,
    UnaryExpression,
    event,
    func,
    literal_column,
    text,
    type_coerce,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.base import SQLiteTypeCompiler
from sqlalchemy.engine import URL, AdaptedConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql import operators

from ambassador_server.errors import ConfigurationError, StorageError
from ambassador_server.storage.dialects import Lock, T, Violation
from ambassador_server.storage.types import AutoIncrementKey, UtcDateTime

_DRIVER = "sqlite+aiosqlite"
_MODE = 0o600
_BUSY_MS = 10_000
_BUSY_MIGRATING_MS = 60_000
_BUSY_POLL = 0.01

_VIOLATIONS = {
    "SQLITE_CONSTRAINT_PRIMARYKEY": Violation.TAKEN,
    "SQLITE_CONSTRAINT_UNIQUE": Violation.TAKEN,
    "SQLITE_CONSTRAINT_ROWID": Violation.TAKEN,
    "SQLITE_CONSTRAINT_FOREIGNKEY": Violation.DANGLING,
}

_CAUSES = {
    "SQLITE_BUSY": "another process is writing to it",
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk failed",
    "SQLITE_NOTADB": "the file is not a database",
    "SQLITE_PERM": "the file may not be used",
    "SQLITE_READONLY": "the file is read-only",
}

# At debug level the driver logs every statement with its values, and some values are digests of keys.
logging.getLogger("aiosqlite").setLevel(logging.WARNING)


class Sqlite:
    """SQLite through aiosqlite."""

    def accept(self, url: URL) -> URL:
        """Accept a plain file only, because each connection to `:memory:` would have its own database."""
        if url.drivername not in ("sqlite", _DRIVER):
            raise ConfigurationError(f"SQLite needs a URL that begins with '{_DRIVER}:'.")
        if not url.database or url.database.startswith((":memory:", "file:")):
            raise ConfigurationError(
                "SQLite needs the path of a file, as in 'sqlite:////var/lib/ambassador/data.db'."
            )
        if url.query or url.host or url.username or url.password:
            raise ConfigurationError("A SQLite URL is a path and takes no host, no login and no options.")
        return url.set(drivername=_DRIVER)

    def describe(self, url: URL) -> str:
        """Return the name of the file."""
        return f"SQLite file {url.database}"

    def exists(self, url: URL) -> bool:
        """Tell whether the file exists."""
        return _path(url).is_file()

    def identity(self, url: URL) -> object:
        """Return device and inode of the file, None when it is missing."""
        try:
            status = _path(url).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def create(self, url: URL) -> None:
        """Create the file, empty and readable by its owner only."""
        path = _path(url)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, _MODE))
            _make_private(path)
        except OSError as error:
            raise ConfigurationError(
                f"The database file {path} cannot be created: {error.strerror}."
            ) from None

    def engine(self, url: URL, *, migrating: bool = False) -> AsyncEngine:
        """Return an engine for the file; other users lose access to it if they had any."""
        _make_private(_path(url))
        engine = create_async_engine(url, hide_parameters=True, pool_timeout=_BUSY_MS / 1000)
        event.listen(engine.sync_engine, "connect", _prepare_for_migration if migrating else _prepare)
        return engine

    async def connect(self, engine: AsyncEngine) -> AsyncConnection:
        """Open the file, and close it again on cancellation: the driver would forget what its thread opens."""
        opening = asyncio.create_task(engine.connect().start())
        try:
            return await _wait_uncancelled(opening)
        except asyncio.CancelledError:
            with suppress(SQLAlchemyError, sqlite3.Error):
                await asyncio.shield(opening.result().close())
            raise

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let it finish before a cancellation goes on.

        The driver's thread cannot be stopped. A connection that is closed in the middle of a statement keeps its locks
        until its cursors are collected as garbage, and every other writer waits for as long.
        """
        return await _wait_uncancelled(asyncio.create_task(work))

    async def begin(self, connection: AsyncConnection, *, writes: bool, durable: bool) -> None:
        """Use BEGIN IMMEDIATE for a writer; a reader's snapshot is that of its first read."""
        driver = cast(aiosqlite.Connection, (await connection.get_raw_connection()).driver_connection)
        # A durable commit waits until it and all earlier commits are on the disk.
        level = "FULL" if durable else "NORMAL"
        begin = f"PRAGMA synchronous = {level}; BEGIN IMMEDIATE" if writes else "BEGIN"
        try:
            await (await driver.executescript(begin)).close()
        except sqlite3.Error as error:
            raise StorageError(f"The database cannot be used: {self.cause(error)}.") from None

    def writer_lock(self) -> AbstractAsyncContextManager[object]:
        """Return an asyncio lock, because polling a busy file costs more and is unfair."""
        return asyncio.Lock()

    def savepoint(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Do nothing, because a failed statement undoes only itself."""
        return nullcontext()

    async def lock(self, connection: AsyncConnection, lock: Lock) -> None:
        """Do nothing, because there is only one writer."""

    async def verify(self, connection: AsyncConnection) -> bool:
        """Look for references to missing rows."""
        return (await connection.execute(text("PRAGMA foreign_key_check"))).first() is None

    def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> tuple[str, Sequence[tuple[Any, ...]]]:
        """Return INSERT … ON CONFLICT DO NOTHING, once for each row."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        times = [number for number, name in enumerate(columns) if isinstance(table.c[name].type, UtcDateTime)]
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 # no values
        return statement, [_with_texts(row, times) for row in rows]

    def upsert(self, table: Table) -> Insert:
        """Return INSERT … ON CONFLICT DO UPDATE."""
        statement = insert(table)
        keys = table.primary_key.columns
        rest = {
            column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=list(keys), set_=rest)

    def glob(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Return a GLOB condition, which is case-sensitive; GLOB's other two wildcards are escaped."""
        return column.op("GLOB", is_comparison=True)(re.sub(r"[\[?]", r"[\g<0>]", pattern))

    def hour(self, column: ColumnElement[datetime]) -> ColumnElement[str]:
        """Return the beginning of the text that SQLite has for a time, which is in UTC."""
        return func.substr(column, literal_column("1"), literal_column("13"), type_=Text())

    def contains(self, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
        """Return a condition with `instr`."""
        return func.instr(column, text) > 0

    def without_index(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """Return the column with a unary plus, which leaves texts unchanged and keeps the planner from its index."""
        return UnaryExpression(column, operator=operators.custom_op("+"), type_=column.type)

    def words(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the elements by json_each."""
        return func.json_each(type_coerce(column, Text)).table_valued("value").c.value

    def violation(self, error: BaseException) -> Violation | None:
        """Return the violation for the extended result code."""
        return _VIOLATIONS.get(_code(error))

    def cause(self, error: BaseException) -> str:
        """Return the meaning of the result code."""
        code = _code(error)
        primary = "_".join(code.split("_")[:2])
        return _CAUSES.get(primary, code or type(error).__name__)


DIALECT = Sqlite()


@compiles(AutoIncrementKey, "sqlite")
def _integer(element: AutoIncrementKey, compiler: SQLiteTypeCompiler, **options: Any) -> str:
    # Only a column of exactly this type is the row id, and only the row id is assigned by AUTOINCREMENT.
    return "INTEGER"


def _with_texts(row: Sequence[Any], times: Sequence[int]) -> tuple[Any, ...]:
    """Return the row with times as SQLAlchemy stores them."""
    values = list(row)
    for number in times:
        values[number] = values[number].replace(tzinfo=None).isoformat(" ", "microseconds")
    return tuple(values)


def _path(url: URL) -> Path:
    return Path(url.database or "")


def _make_private(path: Path) -> None:
    # SQLite gives the write-ahead log and the shared-memory file the mode of this file.
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(_MODE)
    except OSError as error:
        raise ConfigurationError(
            f"The database file {path} cannot be made private: {error.strerror}.",
            hint="Run the server as the owner of the file.",
        ) from None


def _code(error: BaseException) -> str:
    return str(getattr(error, "sqlite_errorname", ""))


async def _wait_uncancelled(task: asyncio.Task[T]) -> T:
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise


def _prepare(connection: AdaptedConnection, record: ConnectionPoolEntry) -> None:
    connection.run_async(partial(_set_up, busy_ms=_BUSY_MS, foreign_keys="ON"))


def _prepare_for_migration(connection: AdaptedConnection, record: ConnectionPoolEntry) -> None:
    # A migration may drop and rebuild a table, which must not delete the rows that refer to it.
    connection.run_async(partial(_set_up, busy_ms=_BUSY_MIGRATING_MS, foreign_keys="OFF"))


async def _set_up(driver: aiosqlite.Connection, busy_ms: int, foreign_keys: str) -> None:
    # By default the driver begins a transaction at the first write; ours begin in `begin`.
    driver.isolation_level = None
    for pragma in (f"busy_timeout = {busy_ms}", f"foreign_keys = {foreign_keys}"):
        await (await driver.execute(f"PRAGMA {pragma}")).close()
    await _use_write_ahead_log(driver, time.monotonic() + busy_ms / 1000)


async def _use_write_ahead_log(driver: aiosqlite.Connection, deadline: float) -> None:
    # This statement ignores busy_timeout: of two connections that run it on a new file, one fails at once.
    while True:
        try:
            await (await driver.execute("PRAGMA journal_mode = WAL")).close()
        except sqlite3.OperationalError as error:
            if not _code(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_BUSY_POLL)
        else:
            return
