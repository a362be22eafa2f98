"""Commands that change something: dry runs, confirmations, issued secrets and warnings."""

import itertools
import json
import os
import pty
import signal
import stat
from pathlib import Path

import pytest

from ambassador_admin.context.store import ContextStore
from tests.admin import fake_routes
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import SECRET, credential
from tests.admin.shell import Shell
from tests.patience import PATIENCE

MUTATIONS = [
    ["user", "create", "dave"],
    ["user", "suspend", "alice"],
    ["user", "activate", "alice"],
    ["group", "create", "writers"],
    ["group", "add-member", "developers", "alice"],
    ["group", "remove-member", "developers", "alice"],
    ["mcp", "add", "time", "--dry-run", "--", "mcp-server-time"],
    ["mcp", "publish", "git"],
    ["mcp", "update", "git", "--description", "x"],
    ["mcp", "update", "git", "--no-test", "--dry-run", "--", "mcp-server-git"],
    ["mcp", "archive", "git"],
    ["mcp", "restart", "git"],
    ["mcp", "remove", "git"],
    ["user", "deactivate", "alice"],
    ["key", "rotate", "key-1"],
    ["grant", "add", "developers", "git"],
    ["grant", "remove", "grant-1"],
    ["key", "issue", "alice", "--name", "x"],
    ["key", "issue", "alice", "--name", "x", "--key-file", "never-written"],
    ["key", "revoke", "key-1"],
    ["key", "suspend", "key-1"],
    ["key", "activate", "key-1"],
    ["key", "issue", "alice", "--name", "x", "--if-missing"],
    ["key", "issue", "alice", "--name", "x", "--to-command", "no-such-program"],
    ["credential", "declare", "git", "token", "--header", "Authorization"],
    ["credential", "oauth", "git", "--no-test"],
    ["credential", "revoke", "--user", "alice", "--mcp", "git"],
    ["subscription", "set", "key-1", "git"],
    ["subscription", "remove", "key-1", "git"],
    ["kill", "everyone", "--reason", "x"],
    ["session", "revoke", "session-1"],
    ["kill", "user", "alice", "--reason", "x"],
    ["kill", "lift", "switch-1"],
]


@pytest.fixture
def stocked(api: FakeApi) -> FakeApi:
    """The fake API with every object that the mutations name."""
    api.add_user("alice")
    api.add_group("developers", "alice")
    api.add_mcp("git")
    api.add_key("key-1", user="alice", name="laptop")
    api.add_grant("grant-1", group="developers", mcp="git")
    api.add_session("session-1", user="alice")
    api.add_subscription("key-1", "git", "*")
    api.given.append(credential("alice", "git", "token"))
    api.add_switch("switch-1", scope="tool", target="git.git_push", reason="x")
    return api


@pytest.mark.parametrize("words", MUTATIONS)
def test_dry_run_shows_the_request_and_lets_the_server_check_it(
    shell: Shell, stocked: FakeApi, words: list[str]
) -> None:
    words = words if "--dry-run" in words else [*words, "--dry-run"]
    if words[:2] in (["mcp", "publish"], ["mcp", "remove"]):
        stocked.add_mcp("git", status="draft")
    done = shell.run(*words)
    assert done.code == 0, done.err
    method, _, rest = done.out.partition(" ")
    assert done.err.endswith("Dry run: the server would accept this; nothing was changed.\n")
    assert stocked.changes == []
    ((sent_method, sent_path, _),) = stocked.dry_runs
    assert (method, rest.split()[0].split("?")[0]) == (sent_method, sent_path.split("?")[0])
    assert not Path("never-written").exists()


def test_dry_run_shows_exactly_what_would_be_sent(shell: Shell, api: FakeApi) -> None:
    words = ["kill", "tool", "git.git_push", "--reason", "x y", "--for", "1h30m", "-o", "json"]
    preview = json.loads(shell.run(*words, "--dry-run").out)
    shell.run(*words)
    assert api.changes == [(preview["method"], preview["path"], preview["body"])]
    assert preview["body"]["expires_in_seconds"] == 5400


def test_dry_run_fails_as_the_change_would(shell: Shell, home: Shell, api: FakeApi) -> None:
    """A pipeline that tries its changes first learns there what would be refused."""
    api.add_user("alice")
    for words, code in ((["user", "create", "alice"], 6), (["user", "suspend", "alise"], 5)):
        done = shell.run(*words, "--dry-run")
        assert done.code == code
        assert done.err.startswith("error: ")
        assert done.out.split()[0] in ("POST", "PATCH")
    assert api.changes == []
    assert home.run("user", "create", "dave", "--dry-run").code == 3
    assert home.at("http://localhost:1").run("user", "create", "dave", "--dry-run").code == 7


@pytest.mark.parametrize(
    "words",
    [
        ["kill", "everyone", "--reason", "x"],
        ["key", "revoke", "key-1"],
        ["grant", "remove", "grant-1"],
        ["mcp", "archive", "git"],
        ["user", "deactivate", "alice"],
        ["session", "revoke", "session-1"],
        ["credential", "revoke", "--user", "alice"],
    ],
)
def test_destructive_command_asks_on_a_terminal_and_is_refused_without(
    shell: Shell, api: FakeApi, words: list[str]
) -> None:
    api.add_key("key-1", user="alice", name="laptop")
    api.add_grant("grant-1", group="developers", mcp="git")
    api.add_session("session-1", user="alice")
    api.add_mcp("git")
    api.add_user("alice")
    api.given.append(credential("alice", "git", "token"))
    done = shell.run(*words)
    assert done.code == 2
    assert "\nhint: add --yes\n" in done.err
    for answer in ("n\n", "\n", "maybe\n", ""):
        done = shell.run(*words, stdin=answer, terminal=True)
        assert done.code == 1
        assert done.err.endswith("[y/N] Not confirmed; nothing was changed.\n")
        assert "error" not in done.err
    assert api.changes == []
    assert shell.run(*words, stdin="y\n", terminal=True).code == 0
    assert len(api.changes) == 1


@pytest.mark.parametrize(("answer", "code", "changes"), [(b"y\n", 0, 1), (b"n\n", 1, 0), (None, 130, 0)])
def test_question_on_a_real_terminal_can_be_answered_or_interrupted(
    shell: Shell, api: FakeApi, answer: bytes | None, code: int, changes: int
) -> None:
    api.add_key("key-1", user="alice", name="laptop")
    screen, terminal = pty.openpty()
    process = shell.start("key", "revoke", "key-1", stdin=terminal, stderr=terminal)
    os.close(terminal)
    shown = b""
    while not shown.endswith(b"[y/N] "):
        shown += os.read(screen, 1024)
    if answer is None:
        process.send_signal(signal.SIGINT)
    else:
        os.write(screen, answer)
    process.communicate(timeout=PATIENCE)
    shown += os.read(screen, 1024)
    os.close(screen)
    assert (b"nothing was changed." in shown) is (changes == 0)
    assert (process.returncode, len(api.changes)) == (code, changes)


def test_beginning_of_an_id_is_accepted(shell: Shell, api: FakeApi) -> None:
    for grant_id in ("11aa-1", "11aa-2", "22bb-1"):
        api.add_grant(grant_id, group="developers", mcp="git")
    done = shell.run("grant", "remove", "11", "--yes")
    assert (done.code, done.err.splitlines()[1], api.changes) == (2, "hint: one of 11aa-1, 11aa-2", [])
    assert shell.run("grant", "remove", "22", "--yes").code == 0
    assert shell.run("grant", "remove", "11aa-2", "--yes").code == 0
    assert list(api.grants) == ["11aa-1"]


@pytest.mark.parametrize(("scope", "whole"), [("key", "5c0f-key"), ("session", "5c0f-session")])
def test_kill_switch_accepts_the_beginning_of_an_id(
    shell: Shell, api: FakeApi, scope: str, whole: str
) -> None:
    api.add_key("5c0f-key", user="alice", name="laptop")
    api.add_session("5c0f-session", user="alice")
    assert shell.run("kill", scope, "5c0f", "--reason", "leaked").code == 0
    assert api.changes[0][2]["target"] == whole


def test_empty_id_is_refused(shell: Shell, api: FakeApi) -> None:
    api.add_grant("grant-1", group="developers", mcp="git")
    assert shell.run("grant", "remove", "", "--yes").code == 2
    assert list(api.grants) == ["grant-1"]


@pytest.mark.parametrize(
    "command",
    [
        ("kill", "tool", "git.git_psuh", "--reason", "x"),
        ("grant", "add", "developers", "git", "--deny", "--tool", "git_psuh"),
    ],
)
def test_what_matches_no_tool_is_sent_on_request_and_the_warning_is_shown(
    shell: Shell, api: FakeApi, command: tuple[str, ...]
) -> None:
    api.add_group("developers")
    api.add_mcp("git", ("git_push", "destructive"))
    assert shell.run(*command).err.count("warning") == 0
    api.warnings.append("'git_psuh' matches no tool of MCP 'git' today.")
    done = shell.run(*command, "--allow-unmatched")
    assert (done.code, api.warnings[0] in done.err) == (0, True)
    assert ["allow_unmatched" in body for _, _, body in api.changes] == [False, True]
    assert api.changes[1][2]["allow_unmatched"] is True


def test_drill_of_everyone_needs_no_confirmation(shell: Shell, api: FakeApi) -> None:
    assert shell.run("kill", "everyone", "--reason", "practice", "--drill").code == 0
    assert api.changes[0][2] == {"scope": "everyone", "reason": "practice", "drill": True}


def test_names_are_encoded_in_the_path(shell: Shell, api: FakeApi) -> None:
    shell.run("user", "show", "../groups/x?limit=1#y %2F")
    assert api.requests[0][1] == "/v1/admin/users/..%2Fgroups%2Fx%3Flimit%3D1%23y%20%252F"


def test_key_is_alone_on_stdout_and_advice_is_on_a_terminal(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    assert shell.run("key", "issue", "alice", "--name", "ci").out == f"{SECRET}\n"
    done = shell.run("key", "issue", "alice", "--name", "laptop", terminal=True)
    assert done.out == f"{SECRET}\n"
    assert "not shown again" in done.err
    assert "key-2" in done.err


def test_key_with_a_closed_output_is_an_error_with_its_id(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    reading, writing = os.pipe()
    os.close(reading)
    process = shell.start("key", "issue", "alice", "--name", "ci", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "hint: ambassador-admin key revoke key-1\n" in err


def test_key_as_json_has_both_members(shell: Shell, api: FakeApi) -> None:
    api.add_user("alice")
    issued = json.loads(shell.run("key", "issue", "alice", "--name", "ci", "-o", "json").out)
    assert list(issued) == ["key", "preshared_key"]
    assert (issued["key"]["name"], issued["preshared_key"]) == ("ci", SECRET)


def test_key_file_has_the_key_and_a_private_mode(shell: Shell, api: FakeApi, tmp_path: Path) -> None:
    api.add_user("alice")
    path = tmp_path / "key"
    done = shell.run("key", "issue", "alice", "--name", "ci", "--key-file", str(path))
    assert done.code == 0
    assert SECRET not in done.out + done.err
    assert path.read_text() == f"{SECRET}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_key_file_is_unchanged_and_no_key_is_issued(
    shell: Shell, api: FakeApi, tmp_path: Path
) -> None:
    api.add_user("alice")
    path = tmp_path / "key"
    path.write_text("mine")
    assert shell.run("key", "issue", "alice", "--name", "ci", "--key-file", str(path)).code == 6
    assert (path.read_text(), api.requests) == ("mine", [])


def test_refused_key_leaves_no_file_behind(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert shell.run("key", "issue", "nobody", "--name", "ci", "--key-file", str(path)).code == 5
    assert not path.exists()


def test_unwritable_key_file_is_an_error_before_a_key_is_issued(
    shell: Shell, api: FakeApi, tmp_path: Path
) -> None:
    done = shell.run("key", "issue", "a", "--name", "ci", "--key-file", str(tmp_path / "no" / "such"))
    assert (done.code, api.requests) == (1, [])


@pytest.mark.parametrize(
    ("words", "transport", "options"),
    [
        (["--", "uvx", "mcp", "--flag", "-o"], "stdio", {"command": "uvx", "args": ["mcp", "--flag", "-o"]}),
        (["--transport", "stdio", "--", "time"], "stdio", {"command": "time", "args": []}),
        (
            ["--env", "A=env://A", "--env", "B=x=y", "--", "time"],
            "stdio",
            {"command": "time", "args": [], "env": {"A": "env://A", "B": "x=y"}},
        ),
        (["--url", "https://x/mcp"], "streamable_http", {"url": "https://x/mcp"}),
        (
            ["--transport", "streamable_http", "--url", "https://x", "--header", "X-Team=a b"],
            "streamable_http",
            {"url": "https://x", "headers": {"X-Team": "a b"}},
        ),
        (["--transport", "sse", "--url", "https://x/sse"], "sse", {"url": "https://x/sse"}),
    ],
)
def test_mcp_add_refuses_wrong_options_of_a_transport(
    shell: Shell, api: FakeApi, words: list[str], transport: str, options: dict[str, object]
) -> None:
    assert shell.run("mcp", "add", "time", *words).code == 0
    body = api.changes[0][2]
    assert (body["transport"], body["options"]) == (transport, options)


@pytest.mark.parametrize(
    ("option", "warned"),
    [
        (["--env", "GITHUB_TOKEN=ghp_abcdef"], True),
        (["--env", "HARMLESS=ghp_abcdef"], True),
        (["--env", "DB_PASSWORD=x"], True),
        (["--env", "DB_PASSWORD=env://DB_PASSWORD"], False),
        (["--env", "DB_PASSWORD=file:///run/secrets/db"], False),
        (["--env", "TZ=UTC"], False),
    ],
)
def test_plain_text_secrets_of_an_mcp_cause_a_warning_without_the_secret(
    shell: Shell, option: list[str], warned: bool
) -> None:
    done = shell.run("mcp", "add", "x", *option, "--", "x")
    assert done.code == 0
    assert ("looks like a secret" in done.err) is warned
    assert "ghp_abcdef" not in done.err


def test_reference_inside_a_header_causes_a_warning(shell: Shell) -> None:
    done = shell.run("mcp", "add", "x", "--url", "https://x", "--header", "Authorization=Bearer env://TOKEN")
    assert "a reference is resolved only if it is the whole value" in done.err


def test_context_changes_have_a_dry_run(home: Shell) -> None:
    home.log_in("a", "http://localhost:9443")
    home.log_in("b", "http://localhost:9443")
    for words in (["context", "use", "a"], ["context", "remove", "a"], ["logout"]):
        assert home.run(*words, "--dry-run").err.startswith("Dry run: would ")
    book = ContextStore(home.directory)
    assert (book.current(), [context.name for context in book.all()]) == ("b", ["a", "b"])
    assert sorted(os.listdir(home.directory)) == ["a.secret", "b.secret", "contexts.json"]


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "[]"])
def test_empty_file_is_not_taken_for_a_declaration(
    shell: Shell, api: FakeApi, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text(text)
    for verb in ("diff", "apply"):
        done = shell.run(verb, "-f", str(file))
        assert "warning: The files are empty: they declare no object, and no owner." in done.err
    file.write_text("owner: ci\n")
    assert "The files are empty" not in shell.run("diff", "-f", str(file)).err


def test_a_declaration_does_not_undo_one_that_was_made_meanwhile(
    shell: Shell, stocked: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    revisions = itertools.count()
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(fake_routes, "_revision", lambda _: f'"{next(revisions)}"')
        done = shell.run("credential", "declare", "git", "token", "--header", "Authorization")
    assert done.code == 6
    assert "changed since you looked" in done.err
    assert "hint: ambassador-admin credential fields git\n" in done.err
    assert stocked.mcps["git"]["credentials"] == {}
    for field in ("token", "team"):
        assert shell.run("credential", "declare", "git", field, "--header", f"X-{field}").code == 0
    assert [each["name"] for each in stocked.mcps["git"]["credentials"]["fields"]] == ["token", "team"]


def test_one_time_values_are_sent_whole_and_shown_nowhere(shell: Shell, stocked: FakeApi) -> None:
    stocked.add_mcp("draft", status="draft")
    key = "-----BEGIN KEY-----\nhunter2\n-----END KEY-----"
    words = ["mcp", "publish", "draft", "--credential", "key=env://KEY", "--credential", "team=env://TEAM"]
    preview = shell.run(*words, "--dry-run", "-o", "json", KEY=key, TEAM="ours")
    done = shell.run(*words, KEY=key, TEAM="ours")
    sent = {"one_time_values": {"key": key, "team": "ours"}}
    assert stocked.changes == [("POST", "/v1/admin/mcps/draft/publish", sent)]
    assert json.loads(preview.out)["body"] == {
        "one_time_values": {"key": "(not shown)", "team": "(not shown)"}
    }
    for text in (preview.out, preview.err, done.out, done.err):
        assert "hunter2" not in text
