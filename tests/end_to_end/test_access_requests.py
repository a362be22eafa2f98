"""Access that a user asks for and another person gives: refused, asked for, used on every way in, and over."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.test_kill_switches import slow_call
from tests.end_to_end.world import Caller, Person, World, assert_refused, assert_works, until
from tests.patience import PATIENCE

SECONDS = 10
"""How long a short access lasts, so that it is used before its end."""


class Asker:
    """A user without any grant, with an open session and the command line client."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.person: Person = world.person(world.group())
        self.caller: Caller = world.session(self.person)
        self._environment = world.rig.client_environment(self.person.key)

    def send(self, method: str, path: str = "", body: Any = None) -> httpx.Response:
        token = {"X-Session-Token": self.caller.secret}
        return self.world.http.request(method, f"/v1/me/requests{path}", headers=token, json=body)

    def asks(self, name: str, *, seconds: int = 3600, reason: str = "incident 7") -> Any:
        answer = self.send("POST", body={"access": name, "reason": reason, "for_seconds": seconds})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def list(self) -> Any:
        return self.send("GET").json()["requests"]

    def runs(self, *words: str, expect: int = 0) -> str:
        done = self.world.rig.run("ambassador-client", *words, env=self._environment, expect=expect)
        return done.stdout + done.stderr


@pytest.fixture
def alice(world: World) -> Asker:
    return Asker(world)


def approve(world: World, request: Any, **body: Any) -> Any:
    return world.ask("POST", f"approvals/{request['id']}/approve", body)


def test_access_is_asked_for_given_and_over(world: World, alice: Asker) -> None:
    assert_refused(alice.caller, "Unknown tool")
    refused = alice.runs("call", "tools__echo", "text=x", expect=5)
    assert "there is no tool 'tools__echo' that you may call" in refused
    assert "or ask for it: ambassador-client request access" in refused
    request = alice.asks("tools.echo", seconds=SECONDS)
    assert (request["kind"], request["status"], request["capability"]) == ("access", "pending", "tools.echo")
    assert_refused(alice.caller, "Unknown tool")
    approve(world, request)
    assert_works(alice.caller)
    assert "hello" in alice.runs("call", "tools__echo", "text=hello")
    # Exactly what was asked for.
    assert_refused(alice.caller, "Unknown tool", tool="tools__params")
    until(lambda: alice.caller.call(FACES[0], "tools__echo", {"text": "x"}).failed, "the access is over")
    assert_refused(alice.caller, "Unknown tool")
    alice.runs("call", "tools__echo", "text=x", expect=5)
    explained = world.rig.admin_json("access", "explain", alice.person.name, "tools.echo")
    (grant,) = world.rig.admin_json("grant", "list", "--filter", f"user={alice.person.name}")
    assert explained["reason"] == "no_grant"
    assert explained["remedy"].startswith(f"Grant {grant['id']} expired at ")


def test_a_removed_grant_ends_the_access_at_once(world: World, alice: Asker) -> None:
    approve(world, alice.asks("tools"))
    assert_works(alice.caller)
    (grant,) = world.rig.admin_json("grant", "list", "--filter", f"user={alice.person.name}")
    (request,) = alice.list()
    assert (grant["group"], grant["tools"], grant["request"]) == (None, ["*"], request["id"])
    assert (request["grant"], request["access_until"]) == (grant["id"], grant["expires_at"])
    assert (request["status"], request["expires_at"]) == ("used", None)
    world.rig.admin("grant", "remove", grant["id"], "--yes")
    assert alice.list()[0]["access_until"] is None
    assert_refused(alice.caller, "Unknown tool")


def test_the_answer_does_not_tell_what_exists(world: World, alice: Asker) -> None:
    world.offer(draft := world.fresh("draft"), "stdio", {"command": ["true"]})
    answers = []
    for name in ("tools.echo", "tools.nothing", draft, "nothing", "nothing.tool"):
        answer = alice.asks(name)
        for own in ("id", "capability", "capability_kind", "created_at", "expires_at", "call_sha256"):
            answer.pop(own, None)
        answers.append(answer)
    assert answers == [answers[0]] * len(answers)
    shown = {each["capability"]: each["content"] for each in alice.list()}
    assert set(map(str, shown.values())) == {"{}"}


def test_who_decides_sees_what_exists_and_approves_nothing_else(world: World, alice: Asker) -> None:
    for name, exists in (("tools.nothing", "tool"), ("nothing", "MCP")):
        request = alice.asks(name)
        content = world.ask("GET", f"approvals/{request['id']}")["content"]
        assert (content["mcp_exists"], content["tool_exists"]) == (
            exists == "tool",
            False if exists == "tool" else None,
        )
        refused = world.admin.post(f"/v1/admin/approvals/{request['id']}/approve", json={})
        assert refused.status_code == 404
        assert alice.send("GET", f"/{request['id']}").json()["status"] == "pending"
    assert world.ask("GET", "grants?filter=user=" + alice.person.name)["items"] == []


def test_a_shorter_time_and_never_a_longer_one(world: World, alice: Asker) -> None:
    request = alice.asks("tools.echo", seconds=600)
    longer = world.admin.post(f"/v1/admin/approvals/{request['id']}/approve", json={"for_seconds": 601})
    assert longer.status_code == 400
    approve(world, request, for_seconds=60)
    (grant,) = world.rig.admin_json("grant", "list", "--filter", f"user={alice.person.name}")
    begun, ends = (_seconds(grant[name]) for name in ("created_at", "expires_at"))
    assert round(ends - begun) == 60


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_explanation_leads_from_the_user_to_the_grant(world: World, alice: Asker) -> None:
    group = world.group()
    world.ask("PUT", f"groups/{group}/members/{alice.person.name}")
    grant = approve(world, alice.asks("tools.echo"))["grant"]

    def explained() -> Any:
        return world.rig.admin_json("access", "explain", alice.person.name, "tools.echo")

    assert [step["kind"] for step in explained()["path"]] == ["user", "key", "grant", "mcp", "tool"]
    (rule,) = [each for each in explained()["rules"] if each["id"] == grant]
    assert rule["decides"]
    assert rule["says"].startswith(f"permit tools.echo to user {alice.person.name}, until ")
    assert alice.person.name in world.rig.admin("access", "who-can", "tools.echo", "-o", "name").stdout
    stop = {"scope": "group", "target": group, "reason": "test", "expires_in_seconds": 600}
    switch = world.ask("POST", "kill-switches", stop)["id"]
    assert_refused(alice.caller, "stopped by an administrator")
    stopped = explained()["path"][-1]
    assert (stopped["kind"], stopped["ends"]) == ("group", True)
    world.ask("POST", f"kill-switches/{switch}/lift")
    # Another user gets nothing by it.
    other = Asker(world)
    assert_refused(other.caller, "Unknown tool")
    assert grant not in str(world.rig.admin_json("access", "explain", other.person.name, "tools.echo"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"access": "tools", "reason": "x"}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": 0}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": -5}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": 10**30}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": 604801}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": True}, 400),
        ({"access": "tools", "reason": "\u202e", "for_seconds": 60}, 400),
        ({"access": "tools", "reason": " ", "for_seconds": 60}, 400),
        ({"access": "tools.*", "reason": "x", "for_seconds": 60}, 400),
        ({"access": "tools.\x00", "reason": "x", "for_seconds": 60}, 400),
        ({"access": "tools", "reason": "x", "for_seconds": 60, "user": "root"}, 400),
        ([], 400),
    ],
)
def test_a_request_of_another_form_is_refused(world: World, alice: Asker, body: Any, status: int) -> None:
    answer = alice.send("POST", body=body)
    assert answer.status_code == status, answer.text
    assert alice.list() == []


def test_without_a_good_session_nothing_is_asked_for(world: World, alice: Asker) -> None:
    body = {"access": "tools", "reason": "x", "for_seconds": 60}
    assert world.http.post("/v1/me/requests", json=body).status_code == 401
    world.ask("PATCH", f"users/{alice.person.name}", {"status": "suspended"})
    assert alice.send("POST", body=body).status_code == 401
    assert world.ask("GET", f"approvals?filter=user={alice.person.name}")["items"] == []


def test_the_client_asks_and_says_what_is_wrong(world: World, alice: Asker) -> None:
    asked = json.loads(alice.runs("request", "access", "tools.echo", "--reason", "incident 7", "-o", "json"))
    assert (asked["valid_seconds"], asked["reason"], asked["status"]) == (8 * 3600, "incident 7", "pending")
    again = alice.runs("request", "access", "tools.echo", "--reason", "incident 7")
    assert asked["id"] in again
    assert "incident 7" in again
    for expect, said, words in (
        (2, "--reason", ("tools",)),
        (2, "is not a duration", ("tools", "--reason", "x", "--for", "8x")),
        (2, "neither the name of an MCP nor that of a tool", ("tools.*", "--reason", "x")),
        (2, "for_seconds: 1 to 604800", ("tools", "--reason", "x", "--for", "8d")),
        (2, "reason: one line", ("tools", "--reason", "a\nb")),
        (6, f"Request {asked['id']} for this waits already", ("tools.echo", "--reason", "another")),
    ):
        assert said in alice.runs("request", "access", *words, expect=expect), words
    assert len(alice.list()) == 1
    assert asked["id"] in alice.runs("request", "list")
    alice.runs("request", "cancel", asked["id"])
    assert alice.list()[0]["status"] == "cancelled"


def test_a_dry_run_approves_nothing_and_a_second_approval_gives_nothing_more(
    world: World, alice: Asker
) -> None:
    request = alice.asks("tools.echo")
    tried = world.rig.admin("approval", "approve", request["id"], "--dry-run")
    assert "nothing was changed" in tried.stderr
    assert_refused(alice.caller, "Unknown tool")
    world.rig.admin("approval", "approve", request["id"])
    world.rig.admin("approval", "approve", request["id"], expect=6)
    world.rig.admin("approval", "deny", request["id"], expect=6)
    assert len(world.rig.admin_json("grant", "list", "--filter", f"user={alice.person.name}")) == 1
    assert_works(alice.caller)


def test_files_leave_such_grants_alone(world: World, alice: Asker, tmp_path: Path) -> None:
    group, declared = world.group(), tmp_path / "grants.yaml"
    declared.write_text(f"owner: ci/access\ngrants:\n- {{group: {group}, mcp: tools, tools: [params]}}\n")
    world.rig.admin("apply", "-f", str(declared), "--yes")
    approve(world, alice.asks("tools.echo"))
    for words in ((), ("--prune",)):
        done = world.rig.admin("diff", *words, "-f", str(declared))
        assert "0 to create, 0 to change, 0 to remove" in done.stderr, words
    assert "0 done" in world.rig.admin("apply", "--prune", "--yes", "-f", str(declared)).stderr
    (grant,) = world.rig.admin_json("grant", "list", "--filter", f"user={alice.person.name}")
    assert grant["expires_at"] not in world.rig.admin("export").stdout
    assert alice.caller.call(FACES[0], "tools__echo", {"text": "x"}).succeeded


def test_a_call_that_such_a_grant_permits_is_stopped_at_its_end(world: World, alice: Asker) -> None:
    approve(world, alice.asks("tools", seconds=SECONDS))
    with slow_call(world, alice.caller, FACES[0]) as running:
        answer = running.result(timeout=PATIENCE)
    assert answer.failed
    denied = world.events(action="call:tool:deny", user=alice.person.name)[0]
    assert denied["reason"] == "no_grant"
