"""`ambassador-server quickstart` ends with a served, granted, enrolled first MCP, or leaves nothing behind."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.world import Downstream
from tests.quickstart import FREE_PORTS, Quickstart, serving, started
from tests.rig import BIN, Rig

MCP = ("--", str(BIN / "mcp-server-time"))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return only the environment and the commands of a rig; the server is the one of quickstart."""
    return Rig(tmp_path, is_preloaded=True)


def environment(rig: Rig) -> dict[str, str]:
    return {**rig.environment(), **FREE_PORTS}


def options(*but: str, **more: str) -> list[str]:
    """Return the options that answer all five questions, apart from some, with others."""
    given = {"--data-dir": "data", "--hostname": "localhost", "--user": "alice", "--mcp": "time"}
    given |= {f"--{name.replace('_', '-')}": value for name, value in more.items()}
    words = [word for name, value in given.items() if name not in but for word in (name, value)]
    return words if "--" in but else [*words, *MCP]


def refused(rig: Rig, *words: str, **more: str) -> str:
    done = rig.run("ambassador-server", "quickstart", *words, expect=2, env=FREE_PORTS | more)
    assert "Traceback" not in done.stderr
    return done.stderr


def call_time(rig: Rig, quickstart: Quickstart) -> dict[str, Any]:
    """Log in with the line that was printed, and call a tool."""
    program, *words = quickstart.line("ambassador-client")
    rig.run(program, *words)
    done = rig.run(program, "call", "time.get_current_time", "timezone=Europe/Zurich")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def admin(rig: Rig, quickstart: Quickstart, *words: str) -> Any:
    """Log in with the line and the key that were printed, and return what a command prints."""
    program, *login = quickstart.line("ambassador-admin")
    rig.run(program, *login, stdin=f"{quickstart.admin_key}\n")
    return json.loads(rig.run(program, *words, "-o", "json").stdout)


def test_options_lead_to_the_first_governed_call(rig: Rig) -> None:
    with serving(rig.directory, options(), environment(rig)) as quickstart:
        assert call_time(rig, quickstart)["timezone"] == "Europe/Zurich"
        records = admin(rig, quickstart, "audit", "query", "--limit", "100")
        done = {record["action"]: record["actor"]["kind"] for record in records}
        setting_up = ("mcp:create", "mcp:publish", "user:create", "group:create", "grant:add", "key:enrol")
        assert {done[f"admin:{action}"] for action in setting_up} == {"system"}
        calls = [record for record in records if record["action"].startswith("call:")]
        assert {record["actor"]["name"] for record in calls} == {"alice"}
        assert quickstart.stop() == 0
    assert "Traceback" not in quickstart.stderr.read_text()


def test_on_a_terminal_five_questions_are_asked_again_until_they_are_answered(rig: Rig) -> None:
    (rig.directory / "used").mkdir()
    (rig.directory / "used" / "file").touch()
    answers = ["used", "data", "https://a", "localhost", "Ti me", "", f"'{MCP[1]}", MCP[1], "a b", "alice"]
    with serving(rig.directory, [], environment(rig), answers=answers) as quickstart:
        questions = re.findall(r"^.*?\[[^]]*\]: ", quickstart.printed, re.MULTILINE)
        assert len({question.partition("[")[0].rpartition("Error: ")[2] for question in questions}) <= 10
        for told in ("used is in use", "no host name", "not an MCP name", "malformed", "not a user name"):
            assert told in quickstart.printed + quickstart.stderr.read_text()
        assert call_time(rig, quickstart)["timezone"] == "Europe/Zurich"


def test_only_what_is_missing_is_asked_for(rig: Rig) -> None:
    words = options("--user")
    with serving(rig.directory, words, environment(rig), answers=["bob"]) as quickstart:
        assert "Name of the first developer" in quickstart.printed
        assert "host name" not in quickstart.printed.partition("Name of the first developer")[0]
        assert "bob may call every tool of time" in quickstart.printed


@pytest.mark.parametrize(
    ("but", "flag"),
    [
        ("--data-dir", "--data-dir"),
        ("--hostname", "--hostname"),
        ("--mcp", "--mcp"),
        ("--user", "--user"),
        ("--", "-- COMMAND or --url"),
    ],
)
def test_without_a_terminal_the_missing_options_are_named(rig: Rig, but: str, flag: str) -> None:
    assert f"Missing: {flag}.\n" in refused(rig, *options(but))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"hostname": "0.0.0.0"}, "no host name that a client can connect to"),
        ({"hostname": "*.example.com"}, "no host name that a client can connect to"),
        ({"hostname": "https://example.com"}, "no host name"),
        ({"mcp": "Time"}, "not an MCP name"),
        ({"user": "a b"}, "not a user name"),
        ({"group": "a b"}, "not a group name"),
        ({"url": "https://example.com/mcp"}, "either a command or a --url"),
    ],
)
def test_an_invalid_answer_changes_nothing(rig: Rig, more: dict[str, str], told: str) -> None:
    data = rig.directory / "data"
    assert told in refused(rig, *options(data_dir=str(data), **more))
    assert not data.exists()


def test_a_used_directory_is_refused_and_not_touched(rig: Rig) -> None:
    data = rig.directory / "data"
    with serving(rig.directory, options(data_dir=str(data)), environment(rig)) as quickstart:
        quickstart.stop()
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    said = refused(rig, *options(data_dir=str(data)))
    assert f"{data} is in use" in said
    assert f"ambassador-server serve --config {data}/ambassador.yaml" in said
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_another_database_is_refused(rig: Rig) -> None:
    data = rig.directory / "data"
    other = f"sqlite+aiosqlite:///{rig.directory}/other.db"
    said = refused(rig, *options(data_dir=str(data)), MCP_AMBASSADOR_DATABASE_URL=other)
    assert "MCP_AMBASSADOR_DATABASE_URL" in said
    assert not data.exists()


@pytest.mark.parametrize("existed", [False, True])
def test_an_mcp_that_does_not_start_leaves_nothing(rig: Rig, existed: bool) -> None:
    data = rig.directory / "data"
    if existed:
        data.mkdir()
    words = [*options("--", data_dir=str(data)), "--", "no-such-command"]
    done = rig.run("ambassador-server", "quickstart", *words, expect=1, env=FREE_PORTS)
    assert "command 'no-such-command' not found" in done.stderr
    assert f"Nothing is left in {data}" in done.stderr
    assert data.exists() == existed
    assert not existed or list(data.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_connects_leaves_nothing(rig: Rig, number: signal.Signals) -> None:
    words = [*options("--"), "--", "sleep", "600"]
    with started(rig.directory, words, environment(rig)) as quickstart:
        quickstart.await_text(re.compile("Connecting to the MCP time"), quickstart.stderr)
        assert quickstart.stop(number) == 130
    assert not (rig.directory / "data").exists()


def test_the_last_line_starts_the_same_server_again(rig: Rig) -> None:
    with serving(rig.directory, options(), environment(rig)) as quickstart:
        program, *words = quickstart.line("ambassador-server")
        quickstart.stop(signal.SIGINT)
    ready = rig.directory / "ready.json"
    with (rig.directory / "again.log").open("wb") as log:
        again = subprocess.Popen(
            [BIN / program, *words, "--ready-file", str(ready)],
            env=environment(rig),
            cwd="/",
            stdout=log,
            stderr=log,
        )
    try:
        found = Quickstart(again, rig.directory / "again.log", rig.directory / "again.log")
        found.await_text(re.compile('"event": "serving"|serving'), found.stdout)
        assert "programs of MCPs" in found.printed
    finally:
        again.terminate()
        assert again.wait(timeout=60) == 0


def test_a_host_name_serves_other_machines_but_administrators_on_this_one(rig: Rig) -> None:
    words = options(hostname="ambassador.example.com")
    with serving(rig.directory, words, environment(rig)) as quickstart:
        assert quickstart.client_url.startswith("https://ambassador.example.com:")
        assert quickstart.admin_url.startswith("https://localhost:")
        effective = admin(rig, quickstart, "server", "config")
        settings = {setting["name"]: setting["value"] for setting in effective}
        assert settings["host"] == "0.0.0.0"
        assert settings["admin_host"] == "127.0.0.1"
        assert settings["hostnames"] == ["ambassador.example.com"]
    written = (rig.directory / "data" / "ambassador.yaml").read_text()
    assert "host: 0.0.0.0\n" in written
    assert (rig.directory / "data" / "ambassador.yaml").stat().st_mode & 0o077 == 0


def test_an_mcp_over_http_needs_only_its_url(rig: Rig, shared_downstream: Downstream) -> None:
    words = [*options("--"), "--url", shared_downstream.url]
    with serving(rig.directory, words, environment(rig)) as quickstart:
        rig.run(*quickstart.line("ambassador-client"))
        assert "time__echo" in rig.run("ambassador-client", "tools", "list").stdout
