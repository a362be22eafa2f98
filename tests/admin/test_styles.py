"""-o name, --no-headers, --quiet, --jq and --watch."""

import json
import signal
import subprocess
import sys

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell
from tests.patience import PATIENCE


@pytest.fixture
def populated(api: FakeApi) -> FakeApi:
    api.add_user("alice", groups=["developers"], display_name="Alice \x1b[31m")
    api.add_user("bob", status="suspended")
    api.add_group("developers", "alice")
    api.add_key("key-1", user="alice", name="laptop")
    api.add_switch("switch-1", scope="user", target="bob", reason="x")
    return api


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("user list", "alice\nbob\n"),
        ("user show alice", "alice\n"),
        ("user suspend alice", "alice\n"),
        ("group list", "developers\n"),
        ("key list", "key-1\n"),
        ("kill list", "switch-1\n"),
        ("kill lift switch-1", "switch-1\n"),
        ("mcp list", ""),
    ],
)
def test_name_is_what_commands_take(shell: Shell, populated: FakeApi, words: str, shown: str) -> None:
    done = shell.run(*words.split(), "-o", "name")
    assert (done.code, done.out) == (0, shown), done.err


def test_names_of_one_command_are_arguments_of_another(shell: Shell, populated: FakeApi) -> None:
    names = shell.run("user", "list", "-o", "name").out.split()
    assert shell.run("user", "suspend", *names).code == 0
    assert {user["status"] for user in populated.users.values()} == {"suspended"}


def test_issued_key_is_shown_whatever_the_format(shell: Shell, populated: FakeApi) -> None:
    assert shell.run("key", "issue", "alice", "--name", "ci", "-o", "name").out.startswith("amb_pk_")


def test_titles_can_be_left_out(shell: Shell, populated: FakeApi) -> None:
    fields = ["--fields", "name,status", "--no-headers"]
    assert shell.run("user", "list", *fields).out == "alice  active\nbob    suspended\n"
    assert shell.run("user", "list", *fields, "-o", "csv").out == "alice,active\nbob,suspended\n"
    assert shell.run("user", "show", "bob", *fields).out == "bob\nsuspended\n"


def test_quiet_leaves_warnings_and_errors(shell: Shell, populated: FakeApi) -> None:
    populated.warnings = ["matches no tool"]
    assert shell.run("mcp", "list", "-q").err == ""
    assert shell.run("group", "delete", "developers", "--yes", "-q").err == ""
    drill = shell.run("kill", "user", "bob", "--reason", "x", "--drill", "-q")
    assert drill.err == "warning: matches no tool\n"
    assert shell.run("user", "show", "nobody", "--quiet").err.startswith("error: AMB-1002")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["user", "list", "--jq", ".[].name"], "alice\nbob\n"),
        (["user", "list", "--jq", "length"], "2\n"),
        (["user", "list", "--jq", '.[] | select(.status != "active") | {name}'], '{"name": "bob"}\n'),
        (["user", "list", "--jq", ".name", "-o", "jsonl"], "alice\nbob\n"),
        (["user", "list", "--fields", "name", "--jq", ".[0]"], '{"name": "alice"}\n'),
        (["user", "show", "alice", "--jq", ".groups[0]"], "developers\n"),
        (["user", "show", "alice", "--jq", ".display_name"], "Alice \x1b[31m\n"),
        (["user", "list", "--jq", ".[] | [.name, .status] | @tsv"], "alice\tactive\nbob\tsuspended\n"),
    ],
)
def test_jq_selects_from_the_json_document(
    shell: Shell, populated: FakeApi, words: list[str], shown: str
) -> None:
    done = shell.run(*words)
    assert (done.code, done.out) == (0, shown), done.err


def test_selected_text_cannot_control_the_terminal(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("user", "show", "alice", "--jq", ".display_name", terminal=True)
    assert done.out == "Alice \\x1b[31m\n"


@pytest.mark.parametrize(
    "options", [["--jq", ".["], ["--jq", "nonsense"], ["--jq", ".", "-o", "yaml"], ["--jq", ".", "-o", "csv"]]
)
def test_invalid_expression_stops_a_change_before_it_is_made(
    shell: Shell, populated: FakeApi, options: list[str]
) -> None:
    done = shell.run("user", "suspend", "alice", *options)
    assert (done.code, populated.changes) == (2, [])
    assert done.err.startswith("error: AMB-1001 --jq")


def test_expression_that_does_not_fit_the_document_is_a_usage_error(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("user", "list", "--jq", ".name")
    assert done.code == 2
    assert "Cannot index array with string" in done.err


def test_jq_is_loaded_only_for_the_option(shell: Shell, populated: FakeApi) -> None:
    probe = (
        "import sys; from ambassador_admin.cli.app import run; "
        "code = run(sys.argv[1:]); print('jq' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    for options, loaded in (([], "False"), (["--jq", "."], "True")):
        done = subprocess.run(
            [sys.executable, "-c", probe, "user", "list", "-o", "json", *options],
            env=shell.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert (len(json.loads(done.stdout)), done.stderr) == (2, f"{loaded}\n")


def test_watching_shows_every_change_until_it_is_interrupted(shell: Shell, populated: FakeApi) -> None:
    process = shell.start("user", "list", "--watch", "--every", "1s", "-o", "name")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["alice\n", "bob\n"]
    populated.add_user("carol")
    assert [process.stdout.readline() for _ in range(3)] == ["alice\n", "bob\n", "carol\n"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "")


def test_watching_survives_an_unreachable_server(shell: Shell, populated: FakeApi) -> None:
    answer = (502, "<html>")
    process = shell.start("group", "list", "--watch", "--every", "1s", "-o", "name")
    assert process.stdout is not None
    assert process.stdout.readline() == "developers\n"
    populated.broken_answers["GET", "/v1/admin/groups"] = answer
    assert "HTTP status 502. Trying again." in process.stdout.readline()
    del populated.broken_answers["GET", "/v1/admin/groups"]
    assert process.stdout.readline() == "developers\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_watching_ends_with_an_error_that_waiting_does_not_mend(shell: Shell, populated: FakeApi) -> None:
    assert shell.run("user", "list", "--watch", "--filter", "nonsense=1").code == 2
    assert shell.run("user", "list", "--watch", "--every", "soon").code == 2


@pytest.mark.parametrize(
    ("option", "message"), [("--jq", "--jq names no expression"), ("--fields", "--fields names no field")]
)
@pytest.mark.parametrize("value", ["", " "])
def test_option_without_a_value_is_not_ignored(
    shell: Shell, populated: FakeApi, option: str, message: str, value: str
) -> None:
    done = shell.run("user", "list", option, value)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
