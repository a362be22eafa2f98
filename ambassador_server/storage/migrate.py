"""Checks which schema revision a database has, and applies the missing migrations."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from sqlalchemy import Column, Connection, Inspector, MetaData, String, Table, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ambassador_server.errors import StorageError
from ambassador_server.storage.database_url import Database
from ambassador_server.storage.dialects import Lock
from ambassador_server.storage.tables import metadata
from ambassador_server.storage.transaction import RefusedError, open_connection, translated_errors

# Where Alembic keeps the revision.
_VERSIONS = Table("alembic_version", MetaData(), Column("version_num", String))
_SCRIPTS = "ambassador_server.storage:migrations"
_NUMBERED = re.compile(r"[0-9]{4}_[a-z0-9_]+")
_SHOWN = 40


class SchemaStatus(StrEnum):
    """The revision of a database compared with the one this version needs."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision of the database, None if it has none, and the one that the code needs.

    `fault` says what is wrong with an unknown layout.
    """

    status: SchemaStatus
    database: str | None
    code: str
    fault: str | None = None

    @property
    def description(self) -> str:
        """Return the status in words, with the fault."""
        return self.status.value if self.fault is None else f"{self.status.value}: it {self.fault}"


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
        if state.status in (SchemaStatus.NEWER, SchemaStatus.UNKNOWN):
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
    return await connection.run_sync(_read_state)


def _read_state(connection: Connection) -> SchemaState:
    known = revisions()
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    found = _revisions_of(connection) if _VERSIONS.name in tables else []
    if not found:
        ours = sorted(tables & set(metadata.tables))
        if not ours:
            return SchemaState(SchemaStatus.MISSING, None, known[-1])
        return _unknown(None, f"has a table {ours[0]!r}, but no revision")
    revision = found[0]
    if len(found) > 1:
        return _unknown(revision, "has more than one revision")
    if revision not in known:
        if _NUMBERED.fullmatch(revision) is None or revision < known[-1]:
            return _unknown(
                revision, f"has the revision {revision[:_SHOWN]!r}, which never was one of this product"
            )
        return SchemaState(SchemaStatus.NEWER, revision, known[-1])
    if revision != known[-1]:
        return SchemaState(SchemaStatus.BEHIND, revision, known[-1])
    missing = _missing(inspector, tables)
    return _unknown(revision, missing) if missing else SchemaState(SchemaStatus.CURRENT, revision, known[-1])


def _revisions_of(connection: Connection) -> list[str]:
    return [str(revision) for revision in connection.execute(select(_VERSIONS.c.version_num)).scalars()]


def _unknown(revision: str | None, fault: str) -> SchemaState:
    return SchemaState(SchemaStatus.UNKNOWN, revision, revisions()[-1], fault)


def _missing(inspector: Inspector, tables: set[str]) -> str | None:
    """Return what a database at the current revision lacks: it was edited, or restored in part."""
    columns = inspector.get_multi_columns(filter_names=sorted(metadata.tables))
    for name, table in metadata.tables.items():
        if name not in tables:
            return f"lacks the table {name!r}"
        present = {column["name"] for column in columns[None, name]}
        lacking = [column.name for column in table.columns if column.name not in present]
        if lacking:
            return f"lacks the column {lacking[0]!r} of the table {name!r}"
    return None


def _refusal(database: Database, state: SchemaState) -> StorageError:
    if state.status is SchemaStatus.UNKNOWN:
        return StorageError(
            f"The {database.name} has an unknown layout: it {state.fault}. Nothing was changed.",
            hint="Check that this is the database of MCP Ambassador, and restore it from a backup if it is.",
        )
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


def _apply(connection: Connection) -> None:
    # Imported only here, so that a server with a current schema does not load the migration library.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _SCRIPTS)
    command.upgrade(config, "head")
