"""Fixtures: a store in memory, on SQLite and on PostgreSQL, which must all behave alike."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from ambassador_server.ports.store import Store
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from ambassador_server.storage.tables import metadata
from tests.fakes.store import InMemoryStore
from tests.server.storage.postgres import PostgresServer, shared_server

_MEMORY = "memory"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated and empty database file, from which the tests get copies."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server with a migrated database."""
    with shared_server() as server:
        asyncio.run(_execute(server, "postgres", "CREATE DATABASE conformance"))
        asyncio.run(upgrade(server.url("conformance")))
        yield server


@pytest.fixture(params=[_MEMORY, "sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a migrated and empty database, or the name of the store in memory."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        return f"sqlite:///{shutil.copy(template, tmp_path / 'store.db')}"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        asyncio.run(_execute(server, "conformance", _EMPTY))
        return server.url("conformance")
    return _MEMORY


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """Return an empty store of each kind."""
    opened: Store = InMemoryStore() if store_url == _MEMORY else await open_store(store_url)
    yield opened
    await opened.close()


# To truncate a table takes much longer than to see that it is empty.
_TRUNCATE = " ".join(
    f'IF EXISTS (SELECT FROM "{table.name}") THEN TRUNCATE "{table.name}" CASCADE; END IF;'
    for table in metadata.sorted_tables
    if table.name != "policy_state"
)
_EMPTY = f"""
DO $$ BEGIN {_TRUNCATE} END $$;
SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences;
UPDATE policy_state SET version = 0;
"""


async def _execute(server: PostgresServer, database: str, statement: str) -> None:
    connection = await asyncpg.connect(server.url(database).replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
