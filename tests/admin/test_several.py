"""One command for several objects: all changes are tried, and the failed ones are named."""

import json

import pytest

from tests.admin.fake_api import FakeApi
from tests.admin.shell import Shell


@pytest.fixture
def populated(api: FakeApi) -> FakeApi:
    for name in ("alice", "bob", "carol"):
        api.add_user(name)
        api.add_group(f"{name}s", name)
        api.add_mcp(name, status="draft")
        api.add_key(f"key-{name}", user=name, name="laptop")
        api.add_grant(f"grant-{name}", group=f"{name}s", mcp=name)
        api.add_session(f"session-{name}", user=name)
        api.add_enrolment(f"enrolment-{name}", user=name, name="desk")
        api.add_switch(f"switch-{name}", scope="user", target=name, reason="x")
    return api


@pytest.mark.parametrize(
    ("words", "prefix"),
    [
        (["user", "suspend"], ""),
        (["user", "activate"], ""),
        (["user", "deactivate", "--yes"], ""),
        (["mcp", "publish"], ""),
        (["mcp", "remove", "--yes"], ""),
        (["key", "suspend"], "key-"),
        (["key", "activate"], "key-"),
        (["key", "revoke", "--yes"], "key-"),
        (["grant", "remove", "--yes"], "grant-"),
        (["session", "revoke", "--yes"], "session-"),
        (["enrolment", "cancel", "--yes"], "enrolment-"),
        (["kill", "lift"], "switch-"),
        (["group", "add-member", "alices"], ""),
        (["group", "remove-member", "alices"], ""),
    ],
)
def test_every_named_object_is_changed_once(
    shell: Shell, populated: FakeApi, words: list[str], prefix: str
) -> None:
    done = shell.run(*words, f"{prefix}alice", f"{prefix}bob", f"{prefix}alice")
    assert done.code == 0, done.err
    assert len(populated.changes) == 2


def test_groups_are_deleted(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("group", "delete", "alices", "bobs", "--yes")
    assert (done.code, done.out, done.err) == (0, "", "Deleted group alices.\nDeleted group bobs.\n")
    assert list(populated.groups) == ["carols"]


def test_changed_objects_are_a_list_and_one_object_is_an_object(shell: Shell, populated: FakeApi) -> None:
    both = json.loads(shell.run("user", "suspend", "alice", "bob", "-o", "json").out)
    assert [user["status"] for user in both] == ["suspended", "suspended"]
    assert json.loads(shell.run("user", "suspend", "alice", "-o", "json").out)["name"] == "alice"
    group = json.loads(shell.run("group", "add-member", "alices", "bob", "carol", "-o", "json").out)
    assert group["members"] == ["alice", "bob", "carol"]


def test_a_refused_change_does_not_stop_the_others(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("user", "suspend", "alice", "nobody", "bob", "-o", "name")
    assert (done.code, done.out) == (9, "alice\nbob\n")
    assert done.err.startswith("warning: nobody: AMB-1002 No user 'nobody'\n")
    assert "error: AMB-3004 1 of 3 changes were not made.\nhint: ambassador-admin user list\n" in done.err


def test_without_any_change_the_exit_code_is_that_of_the_refusal(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("user", "suspend", "no", "nobody")
    assert (done.code, done.out) == (5, "")
    assert "error: AMB-1002 None of the changes was made.\n" in done.err


def test_a_lost_connection_names_what_was_not_changed(shell: Shell, populated: FakeApi) -> None:
    populated.broken_answers["PATCH", "/v1/admin/users/bob"] = (502, "<html>")
    done = shell.run("user", "suspend", "alice", "bob", "carol", "-o", "name")
    assert (done.code, done.out) == (7, "alice\n")
    assert done.err.startswith("warning: Not changed: bob, carol.\nerror: AMB-5001 ")


def test_one_question_names_all(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("user", "deactivate", "alice", "bob", stdin="n\n", terminal=True)
    assert done.err.startswith("Deactivate user alice, bob? [y/N] ")
    assert populated.changes == []


def test_dry_run_shows_every_request(shell: Shell, populated: FakeApi) -> None:
    done = shell.run("group", "delete", "alices", "bobs", "--dry-run")
    assert done.out.splitlines() == ["DELETE /v1/admin/groups/alices", "DELETE /v1/admin/groups/bobs"]
    assert populated.changes == []
