"""A store refuses unusable databases, bounds its waits, and puts no secret or statement into a message."""

import asyncio
import logging
import socket
import sqlite3
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from ambassador_server.domain.audit.query import EVERYTHING
from ambassador_server.errors import AmbassadorError, ConfigurationError, StorageError
from ambassador_server.ports.store import Store
from ambassador_server.storage import sql_store
from ambassador_server.storage.database_url import Database
from ambassador_server.storage.dialects import sqlite
from ambassador_server.storage.migrate import check, upgrade
from ambassador_server.storage.sql_store import open_store
from tests.conformance.store_samples import NOW, add_owners, client_key, grant, position, record, user
from tests.patience import PATIENCE
from tests.server.storage.raw import execute

SECRET = "s3cr3t-w0rd"
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Return a store on a fresh database of each kind."""
    await upgrade(url)
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
async def test_only_a_durable_transaction_waits_for_the_disk(
    sqlite_path: Path, durable: bool, level: int
) -> None:
    """SQLite's level FULL syncs the write-ahead log at every commit, NORMAL only at checkpoints."""
    await upgrade(f"sqlite:///{sqlite_path}")
    store = await open_store(f"sqlite:///{sqlite_path}")
    async with store.write(durable=not durable) as work:
        await work.users.add(user(1))
    async with store.write(durable=durable) as work:
        assert await work._transaction.rows(text("PRAGMA synchronous")) == [(level,)]
        await work.users.add(user(2))
    await store.close()


async def test_equal_ids_and_patterns_of_many_rows_are_one_object(store: Store) -> None:
    """With 50,000 grants, a copy of each would double the memory of a server."""
    async with store.write() as work:
        await add_owners(work)
        for number in (1, 2):
            await work.grants.add(grant(number))
    async with store.read() as work:
        one, two = await work.grants.all()
    assert one == grant(1)
    for name in ("group_id", "mcp_id", "patterns", "created_by"):
        assert getattr(one, name) is getattr(two, name)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Return a port without a listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        (f"postgresql://user:{SECRET}@host:port/db", "cannot be read"),
        (f"just text with {SECRET}", "cannot be read"),
        (
            f"mysql://user:{SECRET}@host/db",
            "'mysql' is not a database we know: use one of postgresql, sqlite",
        ),
        (f"base://user:{SECRET}@host/db", "'base' is not a database we know"),
        (f"postgresql+psycopg://user:{SECRET}@host/db", "begins with 'postgresql+asyncpg:'"),
        (f"postgresql://user:{SECRET}@host/db?sslcert={SECRET}", "does not take the option 'sslcert'"),
        ("sqlite+pysqlite:///file.db", "begins with 'sqlite+aiosqlite:'"),
        ("sqlite://", "needs the path of a file"),
        ("sqlite:///:memory:", "needs the path of a file"),
        ("sqlite:///file:x?mode=memory", "needs the path of a file"),
        (f"sqlite://user:{SECRET}@host/file.db", "no host, no login and no options"),
        (f"sqlite:///file.db?key={SECRET}", "no host, no login and no options"),
    ],
)
@pytest.mark.parametrize("use", [open_store, upgrade, check])
async def test_invalid_url_is_refused_without_quoting_it(use: object, url: str, words: str) -> None:
    assert callable(use)
    with pytest.raises(ConfigurationError) as caught:
        await use(url)
    assert words in caught.value.message
    assert SECRET not in told(caught.value)


async def test_server_that_does_not_answer_is_a_storage_error(closed_port: int) -> None:
    url = f"postgresql://user:{SECRET}@127.0.0.1:{closed_port}/db"
    for use in (open_store, upgrade, check):
        with pytest.raises(StorageError, match="does not answer") as caught:
            await use(url)
        assert SECRET not in told(caught.value)


async def test_missing_database_is_a_storage_error(postgres_url: str) -> None:
    other = postgres_url.replace("/test_", "/missing_")
    with pytest.raises(StorageError, match="there is no database of that name"):
        await open_store(other)


async def test_refused_login_is_a_storage_error(postgres_url: str) -> None:
    other = postgres_url.replace("postgres@", f"nobody:{SECRET}@")
    with pytest.raises(StorageError, match="the login was refused") as caught:
        await open_store(other)
    assert SECRET not in told(caught.value)


async def test_sslmode_of_libpq_is_accepted() -> None:
    database = Database.parse("postgresql://host/db?sslmode=require")
    assert database.url.query == {"ssl": "require"}


def test_repr_of_a_database_holds_no_login() -> None:
    database = Database.parse(f"postgresql://user:{SECRET}@host/db?ssl=require")
    assert database.name == "PostgreSQL database 'db' on host"
    assert "user" not in repr(database)
    assert SECRET not in repr(database)


async def test_file_that_is_not_a_database_is_a_storage_error(sqlite_path: Path) -> None:
    write_text(sqlite_path, "This is a letter to nobody. " * 100)
    for use in (open_store, upgrade, check):
        with pytest.raises(StorageError, match="the file is not a database"):
            await use(f"sqlite:///{sqlite_path}")


async def test_folder_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing or empty"):
        await open_store(f"sqlite:///{tmp_path}")
    with pytest.raises(ConfigurationError, match="cannot be created: Is a directory"):
        await upgrade(f"sqlite:///{tmp_path}")


async def test_error_of_a_statement_holds_no_statement_and_no_value(url: str, store: Store) -> None:
    await execute(url, "DROP TABLE sessions")
    async with store.read() as work:
        with pytest.raises(StorageError) as caught:
            await work.sessions.get(SECRET)
    assert SECRET not in told(caught.value)
    assert "SELECT" not in told(caught.value)


async def test_error_of_a_refused_row_holds_no_statement_and_no_value(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        with pytest.raises(AmbassadorError) as caught:
            await work.keys.add(client_key(digest=SECRET.encode(), prefix=SECRET))
    assert SECRET not in told(caught.value)
    assert "INSERT" not in told(caught.value)


async def test_debug_logs_hold_no_value(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with store.write() as work:
            await add_owners(work)
            await work.keys.add(client_key(2, digest=SECRET.encode(), prefix=SECRET))
            assert await work.keys.get("k2") is not None
    assert SECRET not in caplog.text


async def test_word_of_a_newer_version_is_a_storage_error(url: str, store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user())
        await work.audit.insert([record(1)], position(1))
    await execute(
        url, "UPDATE users SET status = 'frozen'", "UPDATE audit_events SET action = 'call:tool:dream'"
    )
    async with store.read() as work:
        with pytest.raises(StorageError, match="a value that this version does not understand"):
            await work.users.all()
        with pytest.raises(StorageError, match="a value that this version does not understand"):
            await work.audit.newest(EVERYTHING, limit=1)


async def test_closed_unit_of_work_refuses_work(store: Store) -> None:
    async with store.read() as work:
        await work.policy_version()
    with pytest.raises(StorageError):
        await work.policy_version()


async def test_two_stores_on_one_database_do_not_overwrite_each_other(url: str, store: Store) -> None:
    other = await open_store(url)
    async with store.write() as work:
        await work.users.add(user(display_name=""))

    async def append(through: Store) -> None:
        async with through.write() as work:
            found = await work.users.get("u1")
            assert found is not None
            await asyncio.sleep(0)
            await work.users.replace(replace(found, display_name=found.display_name + "x"))

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(append(through) for _ in range(8) for through in (store, other)))
    async with other.read() as work:
        found = await work.users.get("u1")
        assert await work.policy_version() == 17
    await other.close()
    assert found is not None
    assert found.display_name == "x" * 16


async def test_wait_for_a_writer_of_the_same_process_is_bounded(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_store, "_WRITER_SECONDS", 0.05)
    store = await opened(f"sqlite:///{sqlite_path}")
    async with store.write() as work:
        await work.users.add(user())
        with pytest.raises(StorageError, match="Another writer has held the database"):
            async with store.write():
                pass
    async with store.read() as work:
        assert await work.users.all() == [user()]
    await store.close()


async def test_wait_for_a_writer_of_another_process_is_bounded(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(f"sqlite:///{sqlite_path}")
    monkeypatch.setattr(sqlite, "_BUSY_MS", 50)
    store = await open_store(f"sqlite:///{sqlite_path}")
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another process is writing to it"):
            async with store.write():
                pass
        async with store.read() as work:
            assert await work.policy_version() == 0
    async with store.write() as work:
        await work.users.add(user())
    await store.close()


async def test_lost_connection_fails_only_its_transaction(postgres_url: str) -> None:
    store = await opened(postgres_url)

    async def read_while_the_connection_goes() -> None:
        async with store.read() as work:
            await work.policy_version()
            await execute(postgres_url, END_OTHERS)
            await work.policy_version()

    with pytest.raises(StorageError, match="The database cannot be used") as caught:
        await read_while_the_connection_goes()
    assert "SELECT" not in told(caught.value)
    async with store.write() as work:
        await work.users.add(user())
    async with store.read() as work:
        assert await work.users.all() == [user()]
    await store.close()


async def test_idle_connection_that_was_lost_fails_no_transaction(postgres_url: str) -> None:
    store = await opened(postgres_url)
    async with store.read() as work:
        await work.policy_version()
    await execute(postgres_url, END_OTHERS)
    async with store.write() as work:
        await work.users.add(user())
    await store.close()


async def test_transaction_with_an_ignored_failure_is_not_committed(url: str, store: Store) -> None:
    """PostgreSQL itself answers such a commit with a rollback and reports success."""
    await execute(url, "DROP TABLE sessions")

    async def ignore_a_failure() -> None:
        async with store.write() as work:
            await work.users.add(user())
            with pytest.raises(StorageError):
                await work.sessions.end("s1", at=NOW, reason="x")

    with pytest.raises(StorageError, match="Nothing was kept"):
        await ignore_a_failure()
    async with store.read() as work:
        assert await work.users.all() == []
        assert await work.policy_version() == 0


def told(error: BaseException) -> str:
    """Return all text of the error that a log or a terminal could show."""
    hint = error.hint if isinstance(error, AmbassadorError) else ""
    frames = "".join(line for line in traceback.format_exception(error) if not line.startswith("  File"))
    return f"{error!r} {error} {hint} {frames}"


def write_text(path: Path, text: str) -> None:
    """Fill a file."""
    path.write_text(text)


async def opened(url: str) -> Store:
    """Return a store on a fresh database."""
    await upgrade(url)
    return await open_store(url)
