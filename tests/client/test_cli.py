"""The commands for people: their output and exit codes."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ambassador_client.account import setting_sources
from ambassador_client.cli.help_topics import EXIT_CODES
from ambassador_client.cli.hosts import PARTIAL
from ambassador_client.errors import ClientError, ServerRefusedError, one_line
from ambassador_protocol import __version__
from tests import preloaded
from tests.client.fake_server import KEY, FakeServer
from tests.client.host import environment
from tests.patience import PATIENCE


async def run(*arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    """Run a command and return its exit code, output and errors."""
    ended = await asyncio.to_thread(preloaded.run, "ambassador-client", *arguments, env=env, timeout=PATIENCE)
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


async def test_status_as_json(server: FakeServer, state: Path):
    code, output, errors = await run("status", "-o", "json", env=environment(server.url, state))
    assert (code, errors) == (0, "")
    found = json.loads(output)
    assert found.pop("session_expires_at")
    assert found == {
        "server": server.url,
        "account": None,
        "reachable": True,
        "key_accepted": True,
        "certificate_accepted": None,
        "certificate": None,
        "certificate_expires_at": None,
        "user": "alice",
        "key": "laptop",
        "key_expires_at": None,
        "tools": 1,
        "refused": None,
        "stopped": [],
        "missing_credentials": [],
        "client": __version__,
        "server_version": "0.0.9",
        "same_version": False,
        "problem": None,
    }
    assert len(server.disconnected) == 1


async def test_status_as_text(server: FakeServer, state: Path):
    code, output, _ = await run("status", env=environment(server.url, state))
    assert code == 0
    rows = [line.split() for line in output.splitlines()]
    assert ["SERVER", server.url] in rows
    assert ["REACHABLE", "yes"] in rows
    assert ["KEY", "ACCEPTED", "yes"] in rows
    assert ["TOOLS", "1"] in rows
    assert "\x1b" not in output


async def test_status_of_a_refused_key(server: FakeServer, state: Path):
    env = environment(server.url, state, MCP_AMBASSADOR_PRESHARED_KEY="amb_pk_wrong")
    code, output, errors = await run("status", "-o", "json", env=env)
    assert code == 3
    found = json.loads(output)
    assert (found["reachable"], found["key_accepted"], found["tools"]) == (True, False, None)
    assert found["problem"]["code"] == "AMB-2001"
    assert errors.startswith("AMB-2001 The preshared key is not valid. Ask ")
    assert errors.count("\n") == 1
    assert "amb_pk_wrong" not in output + errors


async def test_status_without_a_server(server: FakeServer, state: Path):
    await server.stop()
    code, output, errors = await run("status", "-o", "json", env=environment(server.url, state))
    assert code == 7
    assert json.loads(output)["reachable"] is False
    assert json.loads(output)["key_accepted"] is None
    assert errors.startswith("AMB-5001 cannot reach")


async def test_status_options_override_the_environment(server: FakeServer, state: Path):
    code, output, _ = await run(
        "status", "--server", server.url, "-o", "json", env=environment("https://elsewhere", state)
    )
    assert (code, json.loads(output)["server"]) == (0, server.url)


@pytest.mark.parametrize(
    ("arguments", "more", "expected", "text"),
    [
        (
            ["status"],
            {"MCP_AMBASSADOR_URL": ""},
            2,
            "AMB-5003 no server address is set. Set MCP_AMBASSADOR_URL",
        ),
        (["status"], {"MCP_AMBASSADOR_PRESHARED_KEY": ""}, 3, "AMB-5004 no preshared key is set."),
        (["status", "--ca-file", "/no/file"], {}, 2, "AMB-5003 cannot read the CA file"),
        (["status", "--config", "/no/file"], {}, 2, "AMB-5003 cannot read /no/file"),
        (["status", "-o", "xml"], {}, 2, "AMB-1001 "),
        (
            ["status", "--nonsense"],
            {},
            2,
            "AMB-1001 No such option: --nonsense. Run: ambassador-client status --help\n",
        ),
        (["nonsense"], {}, 2, "AMB-1001 No such command 'nonsense'. Run: ambassador-client --help\n"),
        (
            ["key", "rotate", "-x"],
            {},
            2,
            "AMB-1001 No such option: -x. Run: ambassador-client key rotate --help\n",
        ),
        (["call"], {}, 2, "AMB-1001 Missing argument 'TOOL'. Run: ambassador-client call --help\n"),
        (["status", "extra"], {}, 2, "AMB-1001 "),
    ],
)
async def test_usage_and_settings_errors_are_one_line(
    state: Path, arguments: list[str], more: dict[str, str], expected: int, text: str
):
    code, output, errors = await run(*arguments, env=environment("https://127.0.0.1", state, **more))
    assert (code, output) == (expected, "")
    assert errors.startswith(text)
    assert errors.count("\n") == 1


async def test_version(state: Path):
    env = environment("", state)
    assert await run("--version", env=env) == (0, f"ambassador-client {__version__}\n", "")
    code, output, _ = await run("version", "-o", "json", env=env)
    assert code == 0
    assert json.loads(output)["client"] == __version__
    assert "2026-07-28" in json.loads(output)["protocols"]
    code, output, _ = await run("version", env=env)
    assert "2026-07-28" in output


async def test_help_lists_the_commands(state: Path):
    for arguments in (["--help"], ["-h"]):
        code, output, errors = await run(*arguments, env=environment("", state))
        assert (code, errors) == (0, "")
        assert all(word in output for word in ("proxy", "status", "version"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_help_is_shown_without_arguments_at_a_terminal(state: Path):
    ours, theirs = os.openpty()
    ended = subprocess.run(
        [sys.executable, "-m", "ambassador_client"],
        env=environment("", state),
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "proxy" in ended.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_output_pipe_is_not_an_error(state: Path, unbuffered: str):
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [sys.executable, "-m", "ambassador_client", "version", "-o", "json"],
        env=environment("", state, PYTHONUNBUFFERED=unbuffered),
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    os.close(write_end)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_exit_code_is_documented():
    kinds = list_below(ClientError)
    codes = {kind.exit_code for kind in kinds} | set(ServerRefusedError._EXIT_CODES.values())
    assert codes | {0, 1, PARTIAL, 130} == set(EXIT_CODES)


def list_below(kind: type[ClientError]) -> list[type[ClientError]]:
    return [kind, *(found for each in kind.__subclasses__() for found in list_below(each))]


def test_an_error_is_one_printable_line_without_secrets():
    error = ClientError(f"it\r\nbroke \x1b[31m for {KEY}.", "Try\tagain.")
    assert str(error) == "AMB-1000 it broke [31m for amb_pk_****. Try again."
    assert len(one_line("x" * 10_000)) == 500


@pytest.mark.parametrize(
    ("status", "exit_code"), [(401, 3), (403, 4), (404, 5), (409, 6), (429, 7), (503, 7), (500, 1)]
)
def test_a_refusal_has_the_exit_code_of_its_status(status: int, exit_code: int):
    assert ServerRefusedError("no", status=status, code="AMB-1").exit_code == exit_code


async def test_every_environment_variable_is_listed(state: Path):
    code, output, errors = await run("help", "environment", "-o", "json", env=environment("unused", state))
    assert code == 0
    meanings = {row["variable"]: row["meaning"] for row in json.loads(output)}
    assert {*setting_sources.ENVIRONMENT.values(), "HTTPS_PROXY", "NO_PROXY"} < set(meanings)
    assert all(meanings.values())
    assert "An option overrides a variable" in errors


@pytest.mark.parametrize(
    "words", [("credential", "set", "tickets", "token", KEY), ("login", "https://127.0.0.1:1", KEY)]
)
async def test_a_secret_as_a_word_too_many_is_not_repeated(state: Path, words: tuple[str, ...]):
    code, output, errors = await run(*words, env=environment("http://127.0.0.1:1", state))
    assert code == 2
    assert KEY not in output + errors
    assert "env://NAME" in errors
