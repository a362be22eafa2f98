"""The dialect for PostgreSQL, which several servers can share."""

import importlib.util
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Insert, Table, Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGDialect, PGTypeCompiler
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles

from ambassador_server.errors import ConfigurationError
from ambassador_server.storage.dialects import Lock, T, Violation
from ambassador_server.storage.types import CodePointText

_DRIVER = "postgresql+asyncpg"
_OPTIONS = frozenset({"host", "port", "ssl", "passfile", "target_session_attrs"})
_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 30
_POOL_SIZE = 5
_POOL_OVERFLOW = 15

_SETTINGS = {
    "application_name": "mcp-ambassador",
    "jit": "off",
    # A generic plan cannot use an index for a LIKE pattern that is a parameter.
    "plan_cache_mode": "force_custom_plan",
}

# Advisory locks are numbers that all users of the database share; this product uses a range of them.
_LOCK_BASE = int.from_bytes(b"ambass") << 8

_COMPILER = PGDialect()  # type: ignore[no-untyped-call] # its author gave it no types

_VIOLATIONS = {"23505": Violation.TAKEN, "23503": Violation.DANGLING}

_CAUSES = {
    "28000": "the login was refused",
    "28P01": "the login was refused",
    "3D000": "there is no database of that name",
    "40P01": "two transactions waited for each other",
    "42501": "the login may not do this",
    "53100": "the disk is full",
    "53300": "it has too many connections",
    "55P03": "another transaction holds a lock",
    "57P03": "it is starting or stopping",
}


class Postgresql:
    """PostgreSQL through asyncpg."""

    def accept(self, url: URL) -> URL:
        """Accept the options of asyncpg, and libpq's `sslmode` for its `ssl`."""
        if url.drivername not in ("postgresql", _DRIVER):
            raise ConfigurationError(f"PostgreSQL needs a URL that begins with '{_DRIVER}:'.")
        if importlib.util.find_spec("asyncpg") is None:
            raise ConfigurationError(
                "PostgreSQL needs its driver.",
                hint="pipx inject mcp-ambassador asyncpg, or add the extra postgres to what you install.",
            )
        query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
        if unknown := sorted(query.keys() - _OPTIONS):
            raise ConfigurationError(f"A PostgreSQL URL does not take the option {unknown[0]!r}.")
        return url.set(drivername=_DRIVER, query=query)

    def describe(self, url: URL) -> str:
        """Return the names of database and host."""
        host = url.host or url.query.get("host") or "this machine"
        return f"PostgreSQL database {url.database or ''!r} on {host}"

    def exists(self, url: URL) -> bool:
        """Return True, because only the server could tell."""
        return True

    def identity(self, url: URL) -> object:
        """Return None, because there is no file to compare."""
        return None

    def create(self, url: URL) -> None:
        """Do nothing, because creating a database takes rights that this product does not need."""

    def engine(self, url: URL, *, migrating: bool = False) -> AsyncEngine:
        """Return an engine whose every wait is bounded."""
        return create_async_engine(
            url,
            hide_parameters=True,
            pool_size=_POOL_SIZE,
            max_overflow=_POOL_OVERFLOW,
            pool_timeout=_CONNECT_SECONDS,
            pool_pre_ping=True,
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "command_timeout": None if migrating else _STATEMENT_SECONDS,
                "server_settings": _SETTINGS,
            },
        )

    async def connect(self, engine: AsyncEngine) -> AsyncConnection:
        """Leave it to the driver, which closes what it was opening."""
        return await engine.connect()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Leave it to the driver, which asks the server to stop."""
        return await work

    async def begin(self, connection: AsyncConnection, *, writes: bool, durable: bool) -> None:
        """Use REPEATABLE READ for a reader, and READ COMMITTED for a writer."""
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        _ = await connection.execution_options(isolation_level=level, postgresql_readonly=not writes)

    def writer_lock(self) -> AbstractAsyncContextManager[object]:
        """Return no lock, because writers wait in `lock` for those of other servers as well."""
        return nullcontext()

    def savepoint(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Open a savepoint, because a failed statement otherwise ends its transaction."""
        return connection.begin_nested()

    async def lock(self, connection: AsyncConnection, lock: Lock) -> None:
        """Take an advisory lock, which is released when the transaction has ended."""
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK_BASE + lock)))

    async def verify(self, connection: AsyncConnection) -> bool:
        """Return True, because foreign keys are always checked."""
        return True

    def insert_new(
        self, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> tuple[str, Sequence[tuple[Any, ...]]]:
        """Return INSERT … ON CONFLICT DO NOTHING with one array for each column, once for all rows."""
        names = ", ".join(f'"{name}"' for name in columns)
        arrays = ", ".join(f"${number}::{_type(table.c[name])}[]" for number, name in enumerate(columns, 1))
        statement = (
            f"INSERT INTO {table.name} ({names}) "  # noqa: S608 # no values
            f"SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
        )
        return statement, [tuple(zip(*rows, strict=True))]

    def upsert(self, table: Table) -> Insert:
        """Return INSERT … ON CONFLICT DO UPDATE."""
        statement = insert(table)
        keys = table.primary_key.columns
        rest = {
            column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=list(keys), set_=rest)

    def glob(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Return a LIKE condition, with LIKE's own wildcards escaped."""
        quoted = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return column.like(quoted.replace("*", "%"), escape="\\")

    def hour(self, column: ColumnElement[datetime]) -> ColumnElement[str]:
        """Return a text of `to_char`; its pattern is no parameter, so that it is the same in each clause."""
        local = func.timezone(literal_column("'UTC'"), column)
        return func.to_char(local, literal_column("'YYYY-MM-DD HH24'"), type_=Text())

    def contains(self, column: ColumnElement[str], text: str) -> ColumnElement[bool]:
        """Return a condition with `strpos`."""
        return func.strpos(column, text) > 0

    def without_index(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """Return the column itself, because the planner knows how often each value occurs."""
        return column

    def words(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the elements by json_array_elements_text."""
        return func.json_array_elements_text(cast(column, JSON)).table_valued("value").c.value

    def violation(self, error: BaseException) -> Violation | None:
        """Return the violation for the SQLSTATE."""
        return _VIOLATIONS.get(_sql_state(error))

    def cause(self, error: BaseException) -> str:
        """Return the meaning of the SQLSTATE."""
        return _CAUSES.get(_sql_state(error), type(error).__name__)


DIALECT = Postgresql()


@compiles(CodePointText, "postgresql")
def _code_points(element: CodePointText, compiler: PGTypeCompiler, **options: Any) -> str:
    # Other collations sort as the operating system defines, and their indexes do not serve prefixes.
    return 'TEXT COLLATE "C"'


def _type(column: Column[Any]) -> str:
    return str(column.type.compile(_COMPILER)).partition(" COLLATE")[0]


def _sql_state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", ""))
