"""`access` explains the decision that applies to the next call."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import Rig

FIXTURE = str(Path(__file__).parents[1] / "fakes" / "mcp_servers" / "stdio_server.py")
SERVER = (sys.executable, FIXTURE)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("access"), tls=False, is_preloaded=True)
    rig.init()
    rig.start()
    try:
        rig.admin("mcp", "add", "box", "--", *SERVER)
        rig.admin("mcp", "publish", "box")
        for user in ("alice", "bob"):
            rig.admin("user", "create", user)
        rig.admin("group", "create", "developers")
        rig.admin("group", "add-member", "developers", "alice")
        rig.admin("grant", "add", "developers", "box", "--tool", "e*")
        rig.admin("key", "issue", "alice", "--name", "laptop", "--key-file", str(rig.directory / "key"))
        yield rig
    finally:
        rig.stop()


def test_explain_names_the_deciding_grant(rig: Rig):
    explained = rig.admin_json("access", "explain", "alice", "box.echo")
    assert (explained["allowed"], explained["key"], explained["remedy"]) == (True, "laptop", None)
    assert [rule["decides"] for rule in explained["rules"]] == [True]


def test_explain_follows_a_kill_switch_and_its_lifting(rig: Rig):
    switch = rig.admin_json("kill", "tool", "box.echo", "--reason", "incident 7")
    explained = rig.admin_json("access", "explain", "alice", "box__echo")
    assert (explained["allowed"], explained["reason"]) == (False, "kill_switch")
    assert switch["id"] in explained["remedy"]
    rig.admin("kill", "lift", switch["id"])
    assert rig.admin_json("access", "explain", "alice", "box.echo")["allowed"] is True


def test_explain_says_why_a_user_may_not(rig: Rig):
    explained = rig.admin_json("access", "explain", "bob", "box.echo")
    assert (explained["allowed"], explained["reason"]) == (False, "unknown_key")
    table = rig.admin("access", "explain", "alice", "box.slow").stdout
    assert "no pattern matches the tool" in table


def test_who_can_lists_exactly_the_permitted_users(rig: Rig):
    assert [user["name"] for user in rig.admin_json("access", "who-can", "box.echo")] == ["alice"]
    assert rig.admin_json("access", "who-can", "box.slow") == []


def test_who_can_takes_a_pattern(rig: Rig):
    for pattern in ("box.*", "*echo", "*"):
        assert rig.admin("access", "who-can", pattern, "-o", "name").stdout == "alice\n"
    assert rig.admin_json("access", "who-can", "box.s*") == []
    refused = rig.admin("access", "who-can", "bx.*", expect=5)
    assert "AMB-1002 No published tool matches 'bx.*'" in refused.stderr
    assert rig.admin("access", "who-can", "b x*", expect=2).stdout == ""


def test_list_shows_everything_that_a_user_may_call(rig: Rig):
    tools = rig.admin_json("access", "list", "alice")
    offered = {tool["name"] for tool in rig.admin_json("mcp", "tools", "box")}
    assert {tool["tool"] for tool in tools} == {name for name in offered if name.startswith("box.e")}
    assert {tuple(tool["keys"]) for tool in tools} == {("laptop",)}
    assert [tool["published_as"] for tool in tools if tool["tool"] == "box.echo"] == ["box__echo"]
    assert rig.admin_json("access", "list", "bob") == []
    assert [
        each["tool"] for each in rig.admin_json("access", "list", "alice", "--filter", "tool=box.echo")
    ] == ["box.echo"]
    assert rig.admin_json("access", "list", "alice", "--key", "laptop") == tools


def test_list_follows_a_kill_switch(rig: Rig):
    switch = rig.admin_json("kill", "user", "alice", "--reason", "incident 8")
    assert rig.admin_json("access", "list", "alice") == []
    rig.admin("kill", "lift", switch["id"])
    assert rig.admin_json("access", "list", "alice") != []


def test_check_exits_with_an_error_for_a_denial(rig: Rig):
    assert rig.admin("access", "explain", "alice", "box.echo", "--check").stderr == ""
    denied = rig.admin("access", "explain", "alice", "box.slow", "--check", expect=1)
    assert "ALLOWED      no" in denied.stdout
    assert "error: AMB-3001 alice may not call box.slow: no_grant." in denied.stderr


def test_kill_switches_are_listed_by_whether_they_are_in_force(rig: Rig):
    drill = rig.admin_json("kill", "user", "bob", "--reason", "exercise", "--drill", "--for", "1h")
    assert drill["expires_at"] is not None
    switch = rig.admin_json("kill", "user", "bob", "--reason", "incident 9")
    assert rig.admin("kill", "list", "--filter", "active=true", "-o", "name").stdout == f"{switch['id']}\n"
    assert rig.admin("kill", "list", "--filter", "drill=true", "-o", "name").stdout == f"{drill['id']}\n"
    assert rig.admin_json("status")["kill_switches"] == 1
    rig.admin("kill", "lift", switch["id"], drill["id"])
    assert rig.admin_json("status")["kill_switches"] == 0


def test_the_client_port_is_named_as_such(rig: Rig):
    refused = rig.admin("user", "list", "--server", rig.client_url, expect=1)
    assert f"error: AMB-5005 {rig.client_url} does not serve /v1/admin/users.\nhint: " in refused.stderr
    assert "by default 9443: --server http://127.0.0.1:9443\n" in refused.stderr


def test_a_missing_right_names_the_roles_that_have_it(rig: Rig):
    key = rig.admin("admin-key", "issue", "reader", "--role", "auditor").stdout.strip()
    auditor = rig.admin_environment() | {"MCP_AMBASSADOR_ADMIN_KEY": key}
    for words, role in (
        (["kill", "user", "bob", "--reason", "x"], "admin or operator"),
        (["user", "create", "dave"], "admin or provisioner"),
        (["mcp", "publish", "box"], "admin"),
    ):
        refused = rig.run("ambassador-admin", *words, expect=4, env=auditor)
        assert f"hint: The role {role} has it; ambassador-admin whoami shows yours.\n" in refused.stderr


def test_one_command_adds_publishes_and_grants_and_another_creates_a_member(rig: Rig):
    words = ("mcp", "add", "crate", "--publish", "--grant", "developers", "-o", "json", "--", *SERVER)
    added = json.loads(rig.admin(*words).stdout)
    assert added["status"] == "published"
    assert rig.admin("grant", "list", "--filter", "mcp=crate", "--jq", ".[].group").stdout == "developers\n"
    created = rig.admin_json("user", "create", "carol", "--group", "developers")
    assert created["groups"] == ["developers"]


def test_an_address_must_be_one(rig: Rig):
    for words in (["create", "dave"], ["update", "bob"]):
        refused = rig.admin("user", *words, "--email", "dave at example.com", expect=2)
        assert "AMB-1001 'dave at example.com' is not an e-mail address" in refused.stderr


def test_unknown_names_are_not_found(rig: Rig):
    for words in (
        ["explain", "nobody", "box.echo"],
        ["explain", "alice", "box.nothing"],
        ["explain", "alice", "box.echo", "--key", "phone"],
        ["list", "nobody"],
        ["list", "alice", "--key", "phone"],
    ):
        refused = rig.admin("access", *words, expect=5)
        assert refused.stdout == ""
        assert "AMB-1002" in refused.stderr


def test_failed_policy_case_exits_with_an_error(rig: Rig):
    cases = [
        {"user": "alice", "tool": "box.echo", "expect": "permit"},
        {"user": "alice", "tool": "box.slow", "expect": "deny", "reason": "no_grant"},
    ]
    file = rig.directory / "cases.yaml"
    file.write_text(json.dumps({"cases": cases}))
    assert all(row["holds"] for row in rig.admin_json("access", "test", str(file)))
    file.write_text(json.dumps({"cases": [*cases, {"user": "bob", "tool": "box.echo", "expect": "permit"}]}))
    failed = rig.admin("access", "test", str(file), expect=1)
    assert "1 of 3 cases do not have the expected result" in failed.stderr
    assert "unknown_key" in failed.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no list `cases`"),
        ("cases: []", "no list `cases`"),
        ("cases: [{user: a, tool: b}]", "has no 'expect'"),
        ("cases: [{user: a, tool: b, expect: permit, wehn: now}]", "has an unknown member 'wehn'"),
        ("cases: [{user: a, tool: b, expect: maybe}]", "'maybe'"),
        ("cases: [1]", "not a mapping"),
        ("cases: [", "not YAML"),
    ],
)
def test_an_invalid_file_of_cases_is_a_usage_error(rig: Rig, content: str, says: str):
    file = rig.directory / "wrong.yaml"
    file.write_text(content)
    assert says in rig.admin("access", "test", str(file), expect=2).stderr


def test_policy_case_that_names_something_gone_is_reported_and_the_others_are_tried(rig: Rig):
    """A person who has left must not keep every other expectation from being tested."""
    cases = [
        {"user": "alicia", "tool": "box.echo", "expect": "permit"},
        {"user": "nobody-at-all", "tool": "box.echo", "expect": "deny"},
        {"user": "alice", "tool": "box.gone", "expect": "deny"},
        {"user": "alice", "tool": "box.echo", "key": "phone", "expect": "permit"},
        {"user": "alice", "tool": "box.echo", "expect": "permit"},
    ]
    text = json.dumps({"cases": cases})
    failed = rig.admin("access", "test", "-", "-o", "json", expect=1, stdin=text)
    rows = json.loads(failed.stdout)
    assert [row["holds"] for row in rows] == [False, False, False, False, True]
    assert [row["got"] for row in rows] == ["not found"] * 4 + ["permit"]
    assert rows[0]["remedy"] == "No user 'alicia'; near: 'alice'"
    assert rows[3]["remedy"] == "User 'alice' has no key 'phone'"
    assert "4 of 5 cases" in failed.stderr
    assert "4 of them name something that does not exist" in failed.stderr
    assert "near: 'alice'" in rig.admin("access", "test", "-", expect=1, stdin=text).stdout


def test_cases_are_read_from_standard_input(rig: Rig):
    text = "\ufeffcases: [{user: alice, tool: box.echo, expect: permit}]"
    (row,) = json.loads(rig.admin("access", "test", "-", "-o", "json", stdin=text).stdout)
    assert row["holds"] is True
    refused = rig.admin("access", "test", "-", expect=2, stdin="cases: [\n  {user: [")
    assert "standard input:3" in refused.stderr
