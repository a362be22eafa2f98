"""Fixtures: an empty database of each kind."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.server.storage.postgres import PostgresServer, shared_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server."""
    with shared_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the URL of an empty database on PostgreSQL."""
    name = f"test_{secrets.token_hex(8)}"
    asyncio.run(_execute(postgres, f"CREATE DATABASE {name}"))
    yield postgres.url(name)
    asyncio.run(_execute(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Return a path at which there is no file yet."""
    return tmp_path / "store.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty or missing database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_path')}"
    return str(request.getfixturevalue("postgres_url"))


async def _execute(server: PostgresServer, statement: str) -> None:
    connection = await asyncpg.connect(server.url().replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
