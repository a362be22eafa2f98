"""Setting passwords: from a prompt, from a source, or generated and shown once."""

import json

import pytest

from ambassador_admin import confirm
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import PASSWORD
from tests.admin.shell import Shell


@pytest.fixture
def admin_shell(api: FakeApi, shell: Shell) -> Shell:
    """A shell of an administrator, and a user with a role."""
    api.add_user("alice", roles=["operator"])
    api.add_user("bob")
    return shell


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Answer the prompts for secrets."""
    waiting = iter(answers)
    monkeypatch.setattr(confirm, "getpass", lambda prompt, stream: next(waiting))


def test_password_is_prompted_for_twice(
    admin_shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, PASSWORD, PASSWORD)
    done = admin_shell.run("user", "reset-password", "alice", terminal=True)
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    assert api.changes == [("PUT", "/v1/admin/users/alice/password", {"password": PASSWORD})]


def test_two_different_passwords_change_nothing(
    admin_shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, PASSWORD, f"{PASSWORD}x")
    done = admin_shell.run("user", "reset-password", "alice", terminal=True)
    assert (done.code, "differ" in done.err, api.requests) == (2, True, [])


@pytest.mark.parametrize("source", ["-", "env://THE_PASSWORD", None])
def test_password_is_read_from_its_source(admin_shell: Shell, api: FakeApi, source: str | None) -> None:
    words = [] if source is None else ["--password-from", source]
    done = admin_shell.run(
        "user", "reset-password", "alice", *words, stdin=f"{PASSWORD}\r\n", THE_PASSWORD=PASSWORD
    )
    assert done.code == 0, done.err
    assert api.changes[0][2] == {"password": PASSWORD}


@pytest.mark.parametrize("format", ["table", "json"])
def test_generated_password_is_long_and_shown_alone(admin_shell: Shell, api: FakeApi, format: str) -> None:
    done = admin_shell.run("user", "reset-password", "alice", "--generate", "-o", format)
    assert done.code == 0, done.err
    shown = json.loads(done.out)["password"] if format == "json" else done.out.strip()
    assert api.changes[0][2] == {"password": shown}
    assert len(shown) >= 24
    again = admin_shell.run("user", "reset-password", "alice", "--generate")
    assert again.out.strip() != shown


def test_generated_password_that_is_refused_is_not_shown(admin_shell: Shell, api: FakeApi) -> None:
    done = admin_shell.run("user", "reset-password", "bob", "--generate")
    assert (done.code, done.out) == (6, "")
    password = api.changes[0][2]["password"]
    assert password not in done.err


@pytest.mark.parametrize(
    "words", [["--generate", "--password-from", "-"], ["--password-from", PASSWORD], ["--password-from", "-"]]
)
def test_invalid_options_are_exit_2(admin_shell: Shell, api: FakeApi, words: list[str]) -> None:
    done = admin_shell.run("user", "reset-password", "alice", *words)
    assert (done.code, PASSWORD in done.err, api.requests) == (2, False, [])


def test_roles_are_replaced_or_removed_but_not_both(admin_shell: Shell, api: FakeApi) -> None:
    assert admin_shell.run("user", "update", "alice", "--no-roles").code == 0
    assert admin_shell.run("user", "update", "alice", "--role", "").code == 0
    assert [change[2] for change in api.changes] == [{"roles": []}, {"roles": []}]
    assert admin_shell.run("user", "update", "alice", "--role", "admin", "--no-roles").code == 2
    assert admin_shell.run("user", "update", "alice").code == 2


def test_own_password_is_changed_with_the_current_one(
    admin_shell: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, PASSWORD, "another good password", "another good password")
    done = admin_shell.run("change-password", terminal=True)
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    body = {"current": PASSWORD, "password": "another good password"}
    assert api.changes == [("PUT", "/v1/admin/password", body)]


def test_both_passwords_can_be_two_lines_of_stdin(admin_shell: Shell, api: FakeApi) -> None:
    done = admin_shell.run("change-password", stdin=f"wrong horse battery\n{PASSWORD}\n")
    assert done.code == 3
    assert api.changes[0][2] == {"current": "wrong horse battery", "password": PASSWORD}
