"""A server that cannot start reports the cause and the solution in one line, and changes nothing."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ambassador_protocol import __version__
from tests import preloaded
from tests.end_to_end.world import World, end, running, until
from tests.patience import PATIENCE
from tests.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, prepared: Rig) -> Rig:
    """Return a rig with its own data directory and without a running server."""
    rig = Rig(tmp_path, tls=False, is_preloaded=True, facts=dict(prepared.facts))
    shutil.copytree(prepared.data_dir, rig.data_dir)
    return rig


@pytest.fixture(scope="module")
def other(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server that uses the data directory and the ports."""
    with running(directory, prepared) as started:
        yield started


def assert_refuses(rig: Rig, *words: str, flags: tuple[str, ...] = (), data_dir: Path | None = None) -> str:
    """Assert that `serve` exits with a code, one line of error with these words, and no traceback."""
    command = ["serve", "--tls", "off", "--data-dir", str(data_dir or rig.data_dir)]
    ports = () if "--port" in flags else ("--port", "0", "--admin-port", "0")
    done = preloaded.run(
        "ambassador-server", *command, *ports, *flags, env=rig.environment(), timeout=PATIENCE
    )
    assert done.returncode not in (0, -9, -15), done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    return done.stderr


def change_database(rig: Rig, statement: str) -> None:
    with closing(sqlite3.connect(rig.data_dir / "ambassador.db")) as database, database:
        database.execute(statement)


def test_database_newer_than_the_code_is_not_touched(rig: Rig) -> None:
    change_database(rig, "UPDATE alembic_version SET version_num = '9999_of_the_future'")
    assert_refuses(rig, "9999_of_the_future", "newer than this version")


@pytest.mark.parametrize(
    ("name", "spoil", "words"),
    [
        ("ambassador.db", lambda path: path.write_bytes(b"not a database at all" * 500), "not a database"),
        ("keys/pepper", lambda path: path.chmod(0o644), "read by others"),
        ("keys/pepper", lambda path: path.unlink(), "missing"),
    ],
    ids=["database", "shared key", "lost key"],
)
def test_damaged_file_is_named(rig: Rig, name: str, spoil: Callable[[Path], object], words: str) -> None:
    spoil(rig.data_dir / name)
    assert_refuses(rig, words)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE alembic_version SET version_num = 'f00dfeed'", ("unknown layout", "f00dfeed")),
        ("DROP TABLE kill_switches", ("unknown layout", "kill_switches")),
    ],
    ids=["revision", "table"],
)
def test_database_of_an_unknown_layout_is_refused(rig: Rig, statement: str, words: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(rig.data_dir / "ambassador.db")) as database:
        database.execute(statement)
        database.commit()
    assert_refuses(rig, *words)
    checked = rig.run("ambassador-server", "check", "--data-dir", str(rig.data_dir), expect=1)
    assert "FAIL  database: the schema is unknown: it " in checked.stdout
    assert words[-1] in checked.stdout


def test_broken_chain_is_not_continued(rig: Rig) -> None:
    rig.start()
    assert rig.stop() == 0
    segment = rig.data_dir / "audit" / "main" / "00000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"system:server:start", b"system:server:START", 1))
    assert_refuses(rig, "The audit log is broken", "00000001.jsonl")
    checked = rig.run("ambassador-server", "check", "--data-dir", str(rig.data_dir), expect=1)
    assert "broken" in checked.stdout


def test_second_server_on_one_data_directory_is_refused(other: World) -> None:
    assert_refuses(other.rig, "Another server")
    assert other.http.get("/ready").status_code == 200
    assert other.ask("GET", "users") is not None


@pytest.mark.parametrize("which", ["--port", "--admin-port"])
def test_port_in_use_is_named(rig: Rig, which: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        ports = {"--port": "0", "--admin-port": "0", which: port}
        flags = tuple(word for pair in ports.items() for word in pair)
        assert_refuses(rig, port, "in use", flags=flags)


@pytest.mark.parametrize("command", ["init", "serve"])
def test_unusable_data_directory_is_named(rig: Rig, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("in the way")
    place = tmp_path / "file" / "data"
    if command == "serve":
        assert_refuses(rig, str(place), data_dir=place)
        return
    refused = rig.run("ambassador-server", "init", "--data-dir", str(place), expect=2)
    assert refused.stderr.startswith("error: ")
    assert str(place) in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ports: 1", "ports"),
        ("limits: {failed_logins: often}", "limits.failed_logins"),
    ],
)
def test_invalid_configuration_is_named(rig: Rig, tmp_path: Path, content: str, words: str) -> None:
    configured = tmp_path / "server.yaml"
    configured.write_text(content)
    assert_refuses(rig, words, flags=("--config", str(configured)))


@pytest.mark.parametrize("exists", [False, True])
def test_directory_without_init_is_refused_with_the_command(rig: Rig, tmp_path: Path, exists: bool) -> None:
    """A misspelt directory would be served without users, grants and kill switches."""
    place = tmp_path / "not mine"
    if exists:
        place.mkdir()
    refused = assert_refuses(rig, f"{place} is not initialised", data_dir=place)
    assert f"ambassador-server init --data-dir '{place}'" in refused
    assert not place.exists() or list(place.iterdir()) == []


def test_server_whose_admin_keys_are_revoked_names_the_next_step(rig: Rig) -> None:
    """`init` issues another admin key while the server runs."""
    change_database(rig, "UPDATE admin_keys SET revoked_at = created_at")
    try:
        rig.start()
        words = (
            "init",
            "--data-dir",
            str(rig.data_dir),
            "--json",
            "--new-admin-key",
            "--admin-key-name",
            "2",
        )
        facts = json.loads(rig.run("ambassador-server", *words).stdout)
        headers = {"X-Admin-Key": facts["admin_key"]}
        answer = httpx.get(f"{rig.admin_url}/v1/admin/users", headers=headers, trust_env=False)
        assert answer.status_code == 200
        assert rig.stop() == 0
    finally:
        end(rig)
    log = [json.loads(line) for line in rig.log_file.read_text().splitlines()]
    assert [line["next"] for line in log if line["level"] == "warning"] == [
        "ambassador-server init --new-admin-key --admin-key-name NAME"
    ]


def test_lost_database_is_not_replaced_by_an_empty_one(rig: Rig) -> None:
    """The status of every user and every kill switch would be lost without a message."""
    rig.start()
    assert rig.stop() == 0
    for path in rig.data_dir.glob("ambassador.db*"):
        path.unlink()
    assert_refuses(rig, "its database is missing", "init")
    rig.run("ambassador-server", "init", "--data-dir", str(rig.data_dir))


def test_server_with_a_deleted_database_is_not_ready(rig: Rig) -> None:
    """Later changes would be lost at the next start."""
    try:
        rig.start()
        for path in rig.data_dir.glob("ambassador.db*"):
            path.unlink()
        with httpx.Client(base_url=rig.client_url, trust_env=False) as client:
            until(lambda: client.get("/ready").status_code == 503, "the loss is noticed")
            assert client.get("/ready").json()["checks"]["database"] is False
    finally:
        end(rig)


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_program_prints_its_version(rig: Rig, words: list[str]) -> None:
    assert rig.run("ambassador-server", *words).stdout == f"ambassador-server {__version__}\n"


@pytest.mark.parametrize("words", [["-h"], ["serve", "-h"]])
def test_program_prints_help(rig: Rig, words: list[str]) -> None:
    assert "Usage: ambassador-server" in rig.run("ambassador-server", *words).stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("port: many", "port: "),
        ("no_such: 1", "no_such: "),
        ("- 1", "by name"),
        ("a: b: c", "line 1: not YAML: "),
    ],
)
def test_invalid_configuration_is_exit_2(rig: Rig, tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(content)
    refused = rig.run("ambassador-server", "serve", "--config", str(file), expect=2)
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("words", "says", "helps"),
    [
        (["serve", "--lame-duck", "abc"], "'--lame-duck': 'abc'", "serve"),
        (["serve", "--port", "abc"], "'--port': 'abc'", "serve"),
        (["serve", "--port"], "'--port' requires an argument", ""),
        (["serve", "--lame-duck=-5"], "lame_duck_seconds", None),
        (["serve", "extra"], "(extra)", "serve"),
        (["check", "--nothing"], "No such option: --nothing", "check"),
        (["audit", "accept-loss"], "Missing argument 'writer'", "audit accept-loss"),
        (["audit", "nothing"], "No such command 'nothing'", "audit"),
        (["nothing"], "No such command 'nothing'", ""),
    ],
)
def test_wrong_command_line_is_an_error_in_one_line(
    rig: Rig, words: list[str], says: str, helps: str | None
) -> None:
    done = rig.run("ambassador-server", *words, expect=2)
    error, *hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert hint == ([] if helps is None else [f"hint: {f'ambassador-server {helps}'.strip()} --help"])
    assert done.stdout == ""


@pytest.mark.parametrize("words", [[], ["audit"]])
def test_command_without_its_words_shows_its_help(rig: Rig, words: list[str]) -> None:
    done = rig.run("ambassador-server", *words, expect=2)
    assert "Usage: ambassador-server" in done.stdout
    assert done.stderr == ""
