"""Giving somebody a password: from a prompt, a source, or made up here; it is shown once or never."""

import json

import pytest

from ambassador_admin import confirm
from tests.admin.fake_api import FakeApi
from tests.admin.fake_state import PASSWORD
from tests.admin.shell import Shell


@pytest.fixture
def office(api: FakeApi, shell: Shell) -> Shell:
    """A shell of an administrator, and a user who may have a password."""
    api.add_user("alice", roles=["operator"])
    api.add_user("bob")
    return shell


def typing(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Answer the prompts for a secret, of which the terminal shows nothing."""
    waiting = iter(answers)
    monkeypatch.setattr(confirm, "getpass", lambda prompt, stream: next(waiting))


def test_password_is_asked_for_twice(office: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    typing(monkeypatch, PASSWORD, PASSWORD)
    done = office.run("user", "reset-password", "alice", terminal=True)
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    assert api.changes == [("PUT", "/v1/admin/users/alice/password", {"password": PASSWORD})]


def test_slip_of_the_keyboard_changes_nothing(
    office: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, PASSWORD, f"{PASSWORD}x")
    done = office.run("user", "reset-password", "alice", terminal=True)
    assert (done.code, "not the same" in done.err, api.asked) == (2, True, [])


@pytest.mark.parametrize("source", ["-", "env://THE_PASSWORD", None])
def test_password_comes_from_where_it_is_said_to(office: Shell, api: FakeApi, source: str | None) -> None:
    words = [] if source is None else ["--password-from", source]
    done = office.run(
        "user", "reset-password", "alice", *words, stdin=f"{PASSWORD}\r\n", THE_PASSWORD=PASSWORD
    )
    assert done.code == 0, done.err
    assert api.changes[0][2] == {"password": PASSWORD}


@pytest.mark.parametrize("format", ["table", "json"])
def test_generated_password_is_long_and_shown_alone(office: Shell, api: FakeApi, format: str) -> None:
    done = office.run("user", "reset-password", "alice", "--generate", "-o", format)
    assert done.code == 0, done.err
    shown = json.loads(done.out)["password"] if format == "json" else done.out.strip()
    assert api.changes[0][2] == {"password": shown}
    assert len(shown) >= 24
    again = office.run("user", "reset-password", "alice", "--generate")
    assert again.out.strip() != shown


def test_generated_password_that_is_refused_is_not_shown(office: Shell, api: FakeApi) -> None:
    done = office.run("user", "reset-password", "bob", "--generate")
    assert (done.code, done.out) == (6, "")
    password = api.changes[0][2]["password"]
    assert password not in done.err


@pytest.mark.parametrize(
    "words", [["--generate", "--password-from", "-"], ["--password-from", PASSWORD], ["--password-from", "-"]]
)
def test_what_makes_no_sense_is_exit_2(office: Shell, api: FakeApi, words: list[str]) -> None:
    done = office.run("user", "reset-password", "alice", *words)
    assert (done.code, PASSWORD in done.err, api.asked) == (2, False, [])


def test_roles_are_replaced_or_taken_but_not_both(office: Shell, api: FakeApi) -> None:
    assert office.run("user", "update", "alice", "--no-roles").code == 0
    assert office.run("user", "update", "alice", "--role", "").code == 0
    assert [change[2] for change in api.changes] == [{"roles": []}, {"roles": []}]
    assert office.run("user", "update", "alice", "--role", "admin", "--no-roles").code == 2
    assert office.run("user", "update", "alice").code == 2


def test_own_password_is_changed_by_who_knows_the_one_before(
    office: Shell, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    typing(monkeypatch, PASSWORD, "another good password", "another good password")
    done = office.run("change-password", terminal=True)
    assert done.code == 0, done.err
    assert PASSWORD not in done.out + done.err
    body = {"current": PASSWORD, "password": "another good password"}
    assert api.changes == [("PUT", "/v1/admin/password", body)]


def test_both_passwords_may_come_line_by_line(office: Shell, api: FakeApi) -> None:
    done = office.run("change-password", stdin=f"wrong horse battery\n{PASSWORD}\n")
    assert done.code == 3
    assert api.changes[0][2] == {"current": "wrong horse battery", "password": PASSWORD}
