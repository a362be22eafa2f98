"""PostgreSQL: many servers, one database."""

import importlib.util
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from sqlalchemy import JSON, ColumnElement, Insert, Table, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.dialects.postgresql.base import PGTypeCompiler
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
    # A plan made without the pattern cannot use the index that serves most patterns.
    "plan_cache_mode": "force_custom_plan",
}

# Advisory locks are numbers shared by everybody who uses the database; this range is ours.
_LOCK_BASE = int.from_bytes(b"ambass") << 8

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
        """Take the driver's own options and libpq's word for TLS."""
        if url.drivername not in ("postgresql", _DRIVER):
            raise ConfigurationError(f"PostgreSQL needs a URL that begins with '{_DRIVER}:'.")
        if importlib.util.find_spec("asyncpg") is None:
            raise ConfigurationError(
                "PostgreSQL needs its driver.", hint="Run `pip install 'mcp-ambassador[server,postgres]'`."
            )
        query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
        if unknown := sorted(query.keys() - _OPTIONS):
            raise ConfigurationError(f"A PostgreSQL URL does not take the option {unknown[0]!r}.")
        return url.set(drivername=_DRIVER, query=query)

    def describe(self, url: URL) -> str:
        """Name the database and the host."""
        host = url.host or url.query.get("host") or "this machine"
        return f"PostgreSQL database {url.database or ''!r} on {host}"

    def exists(self, url: URL) -> bool:
        """Leave the answer to the server."""
        return True

    def identity(self, url: URL) -> object:
        """Leave the answer to the server."""
        return None

    def create(self, url: URL) -> None:
        """Do nothing: creating a database takes rights that ours need not have."""

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

    async def begin(self, connection: AsyncConnection, *, writes: bool, durable: bool) -> None:
        """Give a reader one snapshot, and a writer a new one for each statement."""
        level = "READ COMMITTED" if writes else "REPEATABLE READ"
        _ = await connection.execution_options(isolation_level=level, postgresql_readonly=not writes)

    def turn(self) -> AbstractAsyncContextManager[object]:
        """Do nothing: who has to queue does so in `lock`, with the writers of every other server."""
        return nullcontext()

    def savepoint(self, connection: AsyncConnection) -> AbstractAsyncContextManager[object]:
        """Open a savepoint, because a statement that fails spoils its whole transaction."""
        return connection.begin_nested()

    async def lock(self, connection: AsyncConnection, lock: Lock) -> None:
        """Take an advisory lock; it is let go once the transaction's changes can be seen."""
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK_BASE + lock)))

    async def verify(self, connection: AsyncConnection) -> bool:
        """Do nothing: foreign keys are checked all the time."""
        return True

    def insert_new(self, table: Table) -> Insert:
        """Skip what is there."""
        return insert(table).on_conflict_do_nothing()

    def upsert(self, table: Table) -> Insert:
        """Overwrite what is there."""
        statement = insert(table)
        keys = table.primary_key.columns
        rest = {
            column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key
        }
        return statement.on_conflict_do_update(index_elements=list(keys), set_=rest)

    def glob(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Use LIKE, with its own wildcards quoted."""
        quoted = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return column.like(quoted.replace("*", "%"), escape="\\")

    def aside(self, column: ColumnElement[T]) -> ColumnElement[T]:
        """Leave the choice to the planner, which knows how often each value occurs."""
        return column

    def words(self, column: ColumnElement[Any]) -> ColumnElement[str]:
        """Use json_array_elements_text."""
        return func.json_array_elements_text(cast(column, JSON)).table_valued("value").c.value

    def violation(self, error: BaseException) -> Violation | None:
        """Look at the SQLSTATE."""
        return _VIOLATIONS.get(_state(error))

    def cause(self, error: BaseException) -> str:
        """Translate the SQLSTATE."""
        return _CAUSES.get(_state(error), type(error).__name__)


DIALECT = Postgresql()


@compiles(CodePointText, "postgresql")
def _code_points(element: CodePointText, compiler: PGTypeCompiler, **options: Any) -> str:
    # Any other collation sorts by the operating system's taste, and its indexes do not serve prefixes.
    return 'TEXT COLLATE "C"'


def _state(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", ""))
