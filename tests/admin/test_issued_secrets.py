"""--to-command passes a key to a command without a shell; the key is revoked if that fails."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import ADMIN_KEY, SECRET
from tests.admin.shell import Shell

ISSUE = ("key", "issue", "alice", "--name", "ci")


def python(code: str, *arguments: str) -> str:
    """Return a command that runs this code."""
    return shlex.join([sys.executable, "-c", code, *arguments])


@pytest.fixture(autouse=True)
def _alice(api: FakeApi) -> None:
    api.add_user("alice")


def test_only_the_command_gets_the_key(shell: Shell, api: FakeApi, tmp_path: Path) -> None:
    taken = tmp_path / "taken; $(id) 'x'"
    command = python("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", str(taken))
    done = shell.run(*ISSUE, "--to-command", command, "-o", "json")
    assert (done.code, taken.read_text()) == (0, f"{SECRET}\n")
    assert SECRET not in done.out + done.err
    assert json.loads(done.out)["id"] == "key-1"
    assert api.keys["key-1"]["status"] == "active"


def test_command_does_not_inherit_the_admin_key(shell: Shell, tmp_path: Path) -> None:
    seen = tmp_path / "environment"
    command = python("import os, sys; open(sys.argv[1], 'w').write(str(dict(os.environ)))", str(seen))
    assert shell.run(*ISSUE, "--to-command", command).code == 0
    assert ADMIN_KEY not in seen.read_text()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit(7)", "exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
    ],
)
def test_key_is_revoked_when_the_command_fails(shell: Shell, api: FakeApi, code: str, says: str) -> None:
    done = shell.run(*ISSUE, "--to-command", python(code))
    assert (done.code, done.out, api.keys["key-1"]["status"]) == (1, "", "revoked")
    assert says in done.err
    assert "is revoked" in done.err
    assert SECRET not in done.err


def test_key_that_can_be_neither_delivered_nor_revoked_is_reported(shell: Shell, api: FakeApi) -> None:
    api.broken_answers["POST", "/v1/admin/keys/key-1/revoke"] = (503, "{}")
    done = shell.run(*ISSUE, "--to-command", python("raise SystemExit(1)"))
    assert done.code == 1
    assert "hint: ambassador-admin key revoke key-1\n" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["--to-command", "no-such-program-anywhere"],
        ["--to-command", ""],
        ["--to-command", "'"],
        ["--to-command", "cat", "--key-file", "never-written"],
    ],
)
def test_command_that_cannot_be_run_is_a_usage_error_before_a_key_is_issued(
    shell: Shell, api: FakeApi, words: list[str]
) -> None:
    done = shell.run(*ISSUE, *words)
    assert (done.code, api.requests) == (2, [])
    assert not Path("never-written").exists()


def test_existing_key_is_not_issued_again(shell: Shell, api: FakeApi, tmp_path: Path) -> None:
    api.add_key("key-1", user="alice", name="ci")
    path, command = tmp_path / "key", python("raise SystemExit(1)")
    done = shell.run(*ISSUE, "--if-missing")
    assert (done.code, done.out) == (0, "")
    assert "no key was issued" in done.err
    assert shell.run(*ISSUE, "--if-missing", "--key-file", str(path)).code == 0
    assert not path.exists()
    assert shell.run(*ISSUE, "--if-missing", "--to-command", command).code == 0
    answer = json.loads(shell.run(*ISSUE, "--if-missing", "-o", "json").out)
    assert (answer["key"]["id"], answer["preshared_key"]) == ("key-1", None)
    assert [key["status"] for key in api.keys.values()] == ["active"]


def test_missing_key_is_issued(shell: Shell, api: FakeApi) -> None:
    api.add_key("key-1", user="alice", name="ci", status="revoked")
    assert shell.run(*ISSUE, "--if-missing", "--owner", "ci/keys").out == f"{SECRET}\n"
    assert api.keys["key-2"]["owner"] == "ci/keys"


def test_answer_without_an_expected_secret_is_an_error(shell: Shell, api: FakeApi) -> None:
    api.broken_answers["POST", "/v1/admin/keys"] = (
        201,
        json.dumps({"key": {"id": "x"}, "preshared_key": None}),
    )
    done = shell.run(*ISSUE)
    assert done.code != 0
    assert "did not return it" in done.err
