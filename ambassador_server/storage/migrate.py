"""The schema's history: where a database stands in it, and how it catches up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ambassador_server.errors import StorageError
from ambassador_server.storage.database_url import Target
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.transaction import RefusedError, begun, foreign_errors

# Where Alembic keeps the revision.
_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String))
_SCRIPTS = "ambassador_server.storage:migrations"


class SchemaStatus(StrEnum):
    """How a database relates to this version of the code."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database stands: its own revision, None where it has none, and the one the code needs."""

    status: SchemaStatus
    database: str | None
    code: str


async def check(url: str) -> SchemaState:
    """Tell where the database stands, changing nothing."""
    return await _check(Target.parse(url))


async def upgrade(url: str) -> list[str]:
    """Bring the database to the revision of the code and return the revisions applied, oldest first.

    A SQLite file is created if there is none. Whoever comes second waits for the first and finds nothing to do.
    """
    target = Target.parse(url)
    target.dialect.create(target.url)
    async with _connection(target, writes=True) as connection:
        await target.dialect.lock(connection, Lock.SCHEMA)
        state = await _state(connection)
        if state.status is SchemaStatus.NEWER:
            raise _refusal(target, state)
        pending = [revision for revision in revisions() if revision > (state.database or "")]
        if pending:
            await connection.run_sync(_apply)
            if not await target.dialect.verify(connection):
                raise StorageError(f"The migration of the {target.name} would leave rows that point nowhere.")
        return pending


def revisions() -> list[str]:
    """Return every revision this version knows, oldest first: each is a file, named by its number."""
    files = resources.files(_SCRIPTS.replace(":", ".")).joinpath("versions").iterdir()
    return sorted(file.name.removesuffix(".py") for file in files if file.name[:1].isdigit())


async def require_current(target: Target) -> None:
    """Raise StorageError unless the schema is the one this version knows."""
    state = await _check(target)
    if state.status is not SchemaStatus.CURRENT:
        raise _refusal(target, state)


async def _check(target: Target) -> SchemaState:
    if not target.dialect.exists(target.url):
        return SchemaState(status=SchemaStatus.MISSING, database=None, code=revisions()[-1])
    async with _connection(target, writes=False) as connection:
        return await _state(connection)


@asynccontextmanager
async def _connection(target: Target, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    engine = target.dialect.engine(target.url, migrating=writes)
    try:
        async with begun(engine, target.dialect, writes=writes) as connection:
            with foreign_errors(target.dialect):
                yield connection
    except RefusedError:
        raise StorageError(f"The {target.name} holds rows that the new schema refuses.") from None
    finally:
        await engine.dispose()


async def _state(connection: AsyncConnection) -> SchemaState:
    found = await connection.run_sync(_revision)
    known = revisions()
    return SchemaState(status=_status(found, known), database=found, code=known[-1])


def _status(found: str | None, known: list[str]) -> SchemaStatus:
    if found is None:
        return SchemaStatus.MISSING
    if found == known[-1]:
        return SchemaStatus.CURRENT
    return SchemaStatus.BEHIND if found in known else SchemaStatus.NEWER


def _refusal(target: Target, state: SchemaState) -> StorageError:
    if state.status is SchemaStatus.NEWER:
        return StorageError(
            f"The {target.name} is at revision {state.database}, newer than this version, which knows {state.code}.",
            hint="Install the version of MCP Ambassador that last used this database, or a later one.",
        )
    if state.status is SchemaStatus.BEHIND:
        return StorageError(
            f"The {target.name} is at revision {state.database}; this version needs {state.code}.",
            hint="Run `ambassador-server migrate`.",
        )
    return StorageError(
        f"The {target.name} is missing or empty.",
        hint="Run `ambassador-server init` or `ambassador-server migrate`.",
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar()


def _apply(connection: Connection) -> None:
    # Here, not above: a server whose schema is current must not carry the migration library in its memory.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _SCRIPTS)
    command.upgrade(config, "head")
