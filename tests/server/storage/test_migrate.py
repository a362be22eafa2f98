"""Migrations: the state of a database is recognised, and an upgraded one has the schema of the tables."""

import asyncio
import hashlib
import sqlite3
import stat
import sys
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from ambassador_server.errors import ConfigurationError, StorageError
from ambassador_server.storage import migrate
from ambassador_server.storage.database_url import Database
from ambassador_server.storage.dialects import load
from ambassador_server.storage.migrate import SchemaState, SchemaStatus, check, revisions, upgrade
from ambassador_server.storage.sql_store import open_store
from ambassador_server.storage.tables import metadata
from tests.patience import PATIENCE
from tests.server.storage.raw import execute, run

HEAD = revisions()[-1]

_FROZEN = {
    "0001_initial": "7415b7cadd92849375ff5ad66bb459f42957eb8d8d98c73eb8b95a0f608b4ea1",
    "0002_audit_anchors": "a135a643d6f3c0b87e26925d2010cede34a21f37f8f39ea1b542c73d9515378c",
    "0003_audit_sink_positions": "4d2c228c03e74c4321158068a68014b6989865da1c5020be649068636f9c5c80",
    "0004_approved_tools": "7dd6e3284ed69a5db973a0d3e6805de7d27547319c773e5fbbdff0c2d51a1493",
    "0005_resources_and_prompts": "8e4808ad5f7c2893a68124514f4d30623d072603aca518b0e266a58a4af3c2f9",
    "0006_credentials": "91f27156abd35f8e7054df53c99e1c00470fc90eddb9af5ecc31a24e3fbbe02d",
    "0007_connections": "2d4f4907853485cf37706fde56b99a5ffb813457d6072d69eba8d1b32871af8f",
    "0008_argument_constraints": "8686bab670fd116b49781776efffd049a665931fbfa79218dc1a6ae0281d5149",
    "0009_limits": "dfe4508fc9d582b7877c3158cd57c14457c0a7733c0e1c4030d638e7790904a1",
    "0011_transforms": "785b924634a9b30c2739dd9e4e4edc6b656e81acbb548df2bbbd4c17ee584c60",
    "0012_approvals": "fdecfb2bd5b21fd349e9d1abf66dea36017617fbe9c758cef72075db0fff96a6",
    "0013_grants_for_one_user": "7ff3a147e96989192699cdc4ef1ff6bb3d7f60dd7cb72078ff59918a1901703a",
    "0014_connection_settings": "8ac4cc2eba342211cc8b0f32b986697dca0607a23123471bb682bbffd35d7508",
    "0015_broadcasts": "d94b065be485de6dd9fca901009f7764e5d8ae37519b2bb85c205ef7941b0459",
    "0016_meta_tools": "e24c239a37145cb5c9c8c1a6579b9636fbd0e81e81077a20c3f485869180ff4e",
    "0017_issuers": "e32f8f9837072f927e73613c4c86e87a117b05e8aba5f868a8ed476343f3ea83",
    "0018_certificates": "f295337cdcde1527cfff7a144192cf316d6ecf6687cbfd1cefe291568959202f",
    "0019_introspection": "a1b590f511432517daa565d082fbb87450140de5af4fd68f78e1532a36b76b5b",
    "0020_scim": "df8c2283ec1e4989c313f384d136d88c51154ea5daab99d3d02fd1b89f6ce757",
    "0021_identity_assertions": "4bfb810ea1501f41a4558cebabbbbfad0537821cc89e2ce5a4ecccae78e590c9",
    "0022_sign_in": "18f86357cf9b5f3a8ad9f4cae22968080dcea5ad833210aa4fd3e15cb73a1cd0",
    "0023_host_logins": "212e3b078592684dc70f6a5a9b0034c085e6561e5825ece898253065b834be8d",
    "0024_used_once": "730926a0bb8d83a6c71f408f393e3015a0b327a83026b0e0d52bf63a7ab9ee0a",
}
"""The SHA-256 of each migration; one is added with each new migration, and none is ever changed."""

_FROZEN_LAYOUTS = {
    "0001_initial": "9fa0eec2af6da3c919dbac8d2c9ef58b9708f4d8f40205a10b8d521988bde0eb",
    "0002_audit_anchors": "833731e5cc98051f723fe50468a48f53ee29c57dad016b08085fe95da1f9acdc",
    "0003_audit_sink_positions": "07099f3949eb14efb8654b029d110b90ba97d6e4fccd530e201a5efbde142f95",
    "0004_approved_tools": "d5b533da8f3b0c0c6b9245132155728cd8713798ccfc754a088a49e374a84aa4",
    "0005_resources_and_prompts": "ea9b47969e477033e431fb7446129a7566fd9bf91d5f4b27b8343bcc96efb70c",
    "0006_credentials": "7da8976c9a610b3b44a26e3f4584abce08dbbac05bb2f614f4d8edd3fd7dcf01",
    "0007_connections": "ccda3e1505620c93a914d7dee2c11c4691aa763f4a868f6f6e8ed55d16723ebc",
    "0008_argument_constraints": "c2061e03bad6031e0fcf46820be2df8c9a93375ad00986f962d82aa15d220560",
    "0009_limits": "bda7b254496a1010611c0c87d87703366782d249d3ef1b5ad85dc60a9d972a67",
    "0011_transforms": "f0ba2ea91af223e338bf8ce2dbb079e3eabf70c3b17e1818b5fa75d36458d953",
    "0012_approvals": "8c8dc4648d468849a57a2d56f61443c5da94c5947cd7adc887e0963bafdeb766",
    "0013_grants_for_one_user": "7fcbeb9efadd8f06f709ecbf3ea9fc3ad3fff27b32ced4bdf2a270b945155a4b",
    "0014_connection_settings": "60849401819efabe4f3600043a2f73bb69f9aa09e49cb4d282de6e392ae48348",
    "0015_broadcasts": "aad33f1148b431251c0eaea4f1c4ff75e86d41ac75cb7c7e39b2ec47bf4686e5",
    "0016_meta_tools": "6895395550cd35aba4822afbe75dd1592c487a3918b07562e8ac9ddb49ac512d",
    "0017_issuers": "b52a709b07abd8a561e5d71886686f9dccacf8c898124d84dc6c13a214ae045c",
    "0018_certificates": "f00b4919336eb510793716276fc16a6c651fab7785d54f92f1a1f50bf891b5d3",
    "0019_introspection": "02f7a20e1765a3b2e60e8370a7b690754334f7aa35fd089274fa5a79eb692852",
    "0020_scim": "7db44ede1bb2cfce7909225a95e33bbd0ddfbf9264313e8fa792ba8490ad73ef",
    "0021_identity_assertions": "07e3bf5c0b35053e292971092f27371edde4cf1b09fe0f59b60b869ca825b07c",
    "0022_sign_in": "c8b8ecbba5fa74d765af61bb16ac4089193bf5c2d0282fc5f33f288ea6afaee9",
    "0023_host_logins": "cd2f1f33f430f3e74beaa9891d9d029a1742f89bd47f80f591299c1bab85d454",
    "0024_used_once": "fac420c6135103a128f35070608938aeb947e5544ec5c230a6b7dabb1ee16dc7",
}
"""The SHA-256 of the layout of a SQLite database after each migration."""


async def test_upgrade_applies_every_revision_once(url: str) -> None:
    assert await check(url) == SchemaState(SchemaStatus.MISSING, None, HEAD)
    assert await upgrade(url) == revisions()
    assert await check(url) == SchemaState(SchemaStatus.CURRENT, HEAD, HEAD)
    assert await upgrade(url) == []


async def test_migrated_schema_is_that_of_the_tables(url: str) -> None:
    await upgrade(url)
    assert await run(url, _differences) == []


async def test_migrated_schema_has_every_name_and_rule_of_the_tables(url: str) -> None:
    """Alembic does not compare the names of keys, collations and ON DELETE rules, so this test does."""
    await upgrade(url)
    migrated = await run(url, _describe)
    await run(url, metadata.drop_all)
    await run(url, metadata.create_all)
    assert migrated == await run(url, _describe)
    assert set(migrated) == set(metadata.tables)


async def test_text_sorts_by_code_point_under_any_locale_of_the_server(postgres_url: str) -> None:
    await upgrade(postgres_url)
    query = "SELECT table_name, collation_name FROM information_schema.columns WHERE data_type = 'text'"
    found = await execute(postgres_url, f"{query} AND table_schema = 'public'")
    assert {table for table, _ in found} >= {"users", "mcps", "sessions", "audit_events"}
    assert {collation for _, collation in found} == {"C"}


async def test_sqlite_schema_is_the_same_text(sqlite_path: Path) -> None:
    url = f"sqlite:///{sqlite_path}"
    await upgrade(url)
    query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite_%'"
    migrated = await _statements(url, query)
    await run(url, metadata.drop_all)
    await run(url, metadata.create_all)
    assert migrated == await _statements(url, query)
    assert "AUTOINCREMENT" in migrated["audit_events"]


async def _statements(url: str, query: str) -> dict[str, str]:
    """Return the statement of each object, as if no migration had added a column or copied the table."""
    found = {name: " ".join(sql.split()) for name, sql in await execute(url, query) if sql is not None}
    # A table that was copied is renamed to its name, which SQLite writes with quotes then.
    return {name: sql.replace(f'TABLE "{name}" (', f"TABLE {name} (") for name, sql in found.items()}


def test_revisions_are_one_sequence_of_files() -> None:
    config = Config()
    config.set_main_option("script_location", "ambassador_server.storage:migrations")
    script = ScriptDirectory.from_config(config)
    walked = [revision.revision for revision in script.walk_revisions()]
    assert walked[::-1] == revisions()
    assert script.get_heads() == [HEAD]
    assert all(len(revision) <= 32 for revision in walked), "the column of the version takes no more"


async def test_only_the_owner_may_read_a_new_file(sqlite_path: Path) -> None:
    await upgrade(f"sqlite:///{sqlite_path}")
    store = await open_store(f"sqlite:///{sqlite_path}")
    async with store.write() as work:
        await work.policy_version()
        modes = _modes(sqlite_path.parent)
    await store.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


async def test_file_that_others_may_read_is_made_private(sqlite_path: Path) -> None:
    await upgrade(f"sqlite:///{sqlite_path}")
    _set_mode(sqlite_path, 0o644)
    store = await open_store(f"sqlite:///{sqlite_path}")
    await store.close()
    assert _modes(sqlite_path.parent) == {"store.db": 0o600}


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/store\.db cannot be created: No such file"):
        await upgrade(f"sqlite:///{tmp_path}/nowhere/store.db")


async def test_upgrades_at_the_same_time_apply_everything_once(url: str) -> None:
    async with asyncio.timeout(PATIENCE):
        applied = await asyncio.gather(*(upgrade(url) for _ in range(5)))
    assert sorted(applied, key=len) == [[], [], [], [], revisions()]


async def test_upgrade_waits_for_a_writer_of_a_file_without_a_write_ahead_log(
    sqlite_path: Path,
) -> None:
    """SQLite's busy timeout does not cover the change to a write-ahead log."""
    with closing(sqlite3.connect(sqlite_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(upgrade(f"sqlite:///{sqlite_path}"))
        _, waiting = await asyncio.wait({task}, timeout=0.3)
        writer.execute("COMMIT")
        async with asyncio.timeout(PATIENCE):
            assert await task == revisions()
        assert waiting == {task}


async def test_upgrades_of_several_processes_apply_everything_once(url: str) -> None:
    program = (
        "import asyncio, sys; from ambassador_server.storage.migrate import upgrade;"
        "print(len(asyncio.run(upgrade(sys.argv[1]))))"
    )
    async with asyncio.timeout(PATIENCE):
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, url, stdout=asyncio.subprocess.PIPE
            )
            for _ in range(2)
        ]
        said = [(await process.communicate())[0] for process in processes]
    assert sorted(int(text) for text in said) == [0, len(revisions())]


async def test_failed_upgrade_changes_nothing(url: str) -> None:
    if url.startswith("sqlite"):
        load("sqlite").create(Database.parse(url).url)
    await execute(url, "CREATE TABLE policy_state (something_else INTEGER)")
    with pytest.raises(StorageError):
        await upgrade(url)
    tables = await run(url, lambda connection: inspect(connection).get_table_names())
    assert tables == ["policy_state"]


async def test_missing_database_is_refused_with_a_hint(sqlite_path: Path) -> None:
    with pytest.raises(StorageError, match="missing or empty") as caught:
        await open_store(f"sqlite:///{sqlite_path}")
    assert str(sqlite_path) in caught.value.message
    assert caught.value.hint == "Run `ambassador-server init` or `ambassador-server migrate`."
    assert _modes(sqlite_path.parent) == {}


async def test_empty_database_is_refused_with_a_hint(postgres_url: str) -> None:
    with pytest.raises(StorageError, match="missing or empty") as caught:
        await open_store(postgres_url)
    assert caught.value.hint == "Run `ambassador-server init` or `ambassador-server migrate`."


async def test_newer_database_is_refused_and_both_revisions_named(url: str) -> None:
    await upgrade(url)
    await execute(url, "UPDATE alembic_version SET version_num = '9999_future'")
    assert await check(url) == SchemaState(SchemaStatus.NEWER, "9999_future", HEAD)
    with pytest.raises(
        StorageError, match=f"revision 9999_future, newer than this version, which knows {HEAD}"
    ):
        await open_store(url)
    with pytest.raises(StorageError, match="9999_future"):
        await upgrade(url)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            "UPDATE alembic_version SET version_num = 'f00dfeed'",
            "has the revision 'f00dfeed', which never was",
        ),
        (
            "UPDATE alembic_version SET version_num = '0000_before'",
            "has the revision '0000_before', which never",
        ),
        ("INSERT INTO alembic_version VALUES ('9999_future')", "has more than one revision"),
        ("DELETE FROM alembic_version", "has a table 'admin_keys', but no revision"),
        ("DROP TABLE alembic_version", "has a table 'admin_keys', but no revision"),
        ("DROP TABLE kill_switches", "lacks the table 'kill_switches'"),
        (
            "ALTER TABLE sessions DROP COLUMN end_reason",
            "lacks the column 'end_reason' of the table 'sessions'",
        ),
    ],
)
async def test_unknown_layout_is_refused_and_not_changed(url: str, statement: str, fault: str) -> None:
    await upgrade(url)
    await execute(url, statement)
    before = await run(url, _describe)
    state = await check(url)
    assert state.status is SchemaStatus.UNKNOWN
    assert fault in state.description
    for refused in (open_store(url), upgrade(url)):
        with pytest.raises(StorageError, match="has an unknown layout") as caught:
            await refused
        assert fault in caught.value.message
        assert caught.value.hint is not None
    assert await run(url, _describe) == before


@pytest.mark.parametrize("revision", revisions())
def test_migration_is_never_edited(revision: str) -> None:
    """A database that has applied a migration does not apply it again: a change needs a migration of its own."""
    file = resources.files("ambassador_server.storage.migrations.versions") / f"{revision}.py"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == _FROZEN[revision]


def test_only_present_migrations_are_frozen() -> None:
    assert sorted(_FROZEN) == revisions()


@pytest.mark.parametrize("revision", revisions())
async def test_migration_never_creates_something_else(sqlite_path: Path, revision: str) -> None:
    """The code that a migration imports must not change what it does either."""
    url = f"sqlite:///{sqlite_path}"
    load("sqlite").create(Database.parse(url).url)
    await run(url, lambda connection: _upgrade_to(connection, revision))
    layout = await execute(url, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    words = " ".join(word for (statement,) in layout for word in statement.split())
    assert hashlib.sha256(words.encode()).hexdigest() == _FROZEN_LAYOUTS[revision]


def _upgrade_to(connection: Connection, revision: str) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "ambassador_server.storage:migrations")
    command.upgrade(config, revision)


async def test_older_database_is_refused_and_both_revisions_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(url)
    monkeypatch.setattr(migrate, "revisions", lambda: [HEAD, "9998_next"])
    assert await check(url) == SchemaState(SchemaStatus.BEHIND, HEAD, "9998_next")
    with pytest.raises(StorageError, match=f"revision {HEAD}; this version needs 9998_next") as caught:
        await open_store(url)
    assert caught.value.hint == "Run `ambassador-server migrate`."


async def test_grants_are_kept_when_their_table_is_copied(sqlite_path: Path) -> None:
    url = f"sqlite:///{sqlite_path}"
    load("sqlite").create(Database.parse(url).url)
    await run(url, lambda connection: _upgrade_to(connection, "0012_approvals"))
    at = "'2026-01-31 12:00:00'"
    for statement in (
        f"INSERT INTO groups VALUES ('g1', 'developers', '', 'active', {at}, {at}, NULL)",
        "INSERT INTO mcps (mcp_id, name, display_name, description, transport, options, tags, status, arguments, "
        "call_timeout_seconds, created_at, updated_at, isolation) VALUES ('m1', 'git', '', '', 'stdio', '{}', '', "
        f"'published', 'redacted', 5, {at}, {at}, 'shared')",
        "INSERT INTO grants (grant_id, group_id, mcp_id, patterns, effect, created_at, created_by, delivery, "
        f"approval_seconds) VALUES ('r1', 'g1', 'm1', '[\"*\"]', 'permit', {at}, 'root', 'automatic', 60)",
    ):
        await execute(url, statement)
    query = (
        "SELECT grant_id, group_id, mcp_id, patterns, effect, created_at, owner, approval_seconds FROM grants"
    )
    before = await execute(url, query)
    await upgrade(url)
    assert await execute(url, query) == before
    assert await execute(url, "SELECT user_id, request_id FROM grants") == [(None, None)]
    await execute(url, "DELETE FROM groups")


async def test_what_was_used_once_stays_used_when_its_tables_become_one(url: str) -> None:
    if url.startswith("sqlite"):
        load("sqlite").create(Database.parse(url).url)
    await run(url, lambda connection: _upgrade_to(connection, "0023_host_logins"))
    at = "'2026-01-31 12:00:00'"
    await execute(url, f"INSERT INTO used_assertions VALUES ('a1', {at})")
    await execute(url, f"INSERT INTO used_sign_ins VALUES ('s1', {at})")
    await upgrade(url)
    assert await execute(url, "SELECT use_id FROM used_once ORDER BY use_id") == [("a1",), ("s1",)]


async def test_migration_that_leaves_dangling_rows_is_refused(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite checks no foreign keys while a migration rebuilds tables, so they are checked afterwards."""
    url = f"sqlite:///{sqlite_path}"
    await upgrade(url)

    def apply(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO memberships VALUES ('nobody', 'nowhere', NULL)")

    monkeypatch.setattr(migrate, "revisions", lambda: [HEAD, "9998_next"])
    monkeypatch.setattr(migrate, "_apply", apply)
    with pytest.raises(StorageError, match="references to missing rows"):
        await upgrade(url)
    assert await execute(url, "SELECT * FROM memberships") == []


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def _set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


def _differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _describe(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                {name: str(value) for name, value in column.items()}
                for column in inspector.get_columns(table)
            ],
            "collations": [
                getattr(column["type"], "collation", None) for column in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table),
            "owners": sorted(inspector.get_foreign_keys(table), key=str),
            "unique": sorted(inspector.get_unique_constraints(table), key=str),
            "indexes": sorted(inspector.get_indexes(table), key=str),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }
