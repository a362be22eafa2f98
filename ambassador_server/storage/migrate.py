"""Checks which schema revision a database has, and applies the missing migrations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ambassador_server.errors import StorageError
from ambassador_server.storage.database_url import Database
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.transaction import RefusedError, open_connection, translated_errors

# Where Alembic keeps the revision.
_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String))
_SCRIPTS = "ambassador_server.storage:migrations"


class SchemaStatus(StrEnum):
    """The revision of a database compared with the one this version needs."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision of the database, None if it has none, and the one that the code needs."""

    status: SchemaStatus
    database: str | None
    code: str


async def check(url: str) -> SchemaState:
    """Return the schema state of the database; changes nothing."""
    return await _check(Database.parse(url))


async def upgrade(url: str) -> list[str]:
    """Migrate the database to the revision of the code and return the applied revisions, oldest first.

    A missing SQLite file is created. Of two processes, the second waits for the first and then has nothing to do.
    """
    database = Database.parse(url)
    database.dialect.create(database.url)
    async with _connection(database, writes=True) as connection:
        await database.dialect.lock(connection, Lock.SCHEMA)
        state = await _state(connection)
        if state.status is SchemaStatus.NEWER:
            raise _refusal(database, state)
        pending = [revision for revision in revisions() if revision > (state.database or "")]
        if pending:
            await connection.run_sync(_apply)
            if not await database.dialect.verify(connection):
                raise StorageError(
                    f"The migration of the {database.name} would leave references to missing rows."
                )
        return pending


def revisions() -> list[str]:
    """Return every revision of this version, oldest first; each is a file that begins with its number."""
    files = resources.files(_SCRIPTS.replace(":", ".")).joinpath("versions").iterdir()
    return sorted(file.name.removesuffix(".py") for file in files if file.name[:1].isdigit())


async def require_current(database: Database) -> None:
    """Raise StorageError unless the database has the schema of this version."""
    state = await _check(database)
    if state.status is not SchemaStatus.CURRENT:
        raise _refusal(database, state)


async def _check(database: Database) -> SchemaState:
    if not database.dialect.exists(database.url):
        return SchemaState(status=SchemaStatus.MISSING, database=None, code=revisions()[-1])
    async with _connection(database, writes=False) as connection:
        return await _state(connection)


@asynccontextmanager
async def _connection(database: Database, *, writes: bool) -> AsyncIterator[AsyncConnection]:
    engine = database.dialect.engine(database.url, migrating=writes)
    try:
        async with open_connection(engine, database.dialect, writes=writes) as connection:
            with translated_errors(database.dialect):
                yield connection
    except RefusedError:
        raise StorageError(f"The {database.name} holds rows that the new schema refuses.") from None
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


def _refusal(database: Database, state: SchemaState) -> StorageError:
    if state.status is SchemaStatus.NEWER:
        return StorageError(
            f"The {database.name} is at revision {state.database}, newer than this version, which knows {state.code}.",
            hint="Install the version of MCP Ambassador that last used this database, or a later one.",
        )
    if state.status is SchemaStatus.BEHIND:
        return StorageError(
            f"The {database.name} is at revision {state.database}; this version needs {state.code}.",
            hint="Run `ambassador-server migrate`.",
        )
    return StorageError(
        f"The {database.name} is missing or empty.",
        hint="Run `ambassador-server init` or `ambassador-server migrate`.",
    )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar()


def _apply(connection: Connection) -> None:
    # Imported only here, so that a server with a current schema does not load the migration library.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _SCRIPTS)
    command.upgrade(config, "head")
