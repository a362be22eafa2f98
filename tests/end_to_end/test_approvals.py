"""A call waits for the approval of another person, on every face and through the client, and runs once after it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, MCP_FACES, MODERN, REST, Face, Mcp, Wire
from tests.end_to_end.test_administrators import send
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.world import (
    Caller,
    Downstream,
    Person,
    World,
    assert_nothing_internal,
    downstream,
    running,
)
from tests.rig import Rig

ECHO = "far__echo"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Downstream]:
    with downstream(tmp_path_factory.mktemp("downstream")) as found:
        yield found


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, behind: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS, approvals={"hold_seconds": 0}) as started:
        started.publish("far", "streamable_http", {"url": behind.url})
        yield started


def granted(world: World, mcp: str = "far", **approval: Any) -> tuple[Person, Caller]:
    """Return a person whose calls of an MCP need an approval."""
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": mcp, "approval": approval})
    person = world.person(group)
    return person, world.session(person)


def pending(world: World, person: Person) -> list[dict[str, Any]]:
    """Return the requests of a person that wait."""
    path = f"approvals?filter=user%3D{person.name}&filter=status%3Dpending"
    items: list[dict[str, Any]] = world.ask("GET", path)["items"]
    return items


def decide(world: World, person: Person, how: str = "approve", **body: Any) -> dict[str, Any]:
    (request,) = pending(world, person)
    decided: dict[str, Any] = world.ask("POST", f"approvals/{request['id']}/{how}", body)
    return decided


def own(caller: Caller, method: str, path: str = "", body: Any = None) -> Any:
    """Send a request about own requests, and return the response."""
    content = b"" if body is None else json.dumps(body).encode()
    headers = {"X-Session-Token": caller.secret, "Content-Type": "application/json"}
    return caller.send(Wire(method, f"/v1/me/requests{path}", headers, content))


@pytest.mark.parametrize("face", FACES, ids=str)
def test_call_runs_once_after_its_approval(world: World, behind: Downstream, face: Face) -> None:
    person, caller = granted(world)
    arrived = behind.from_here()
    assert ECHO in caller.names(face)
    refused = caller.call(face, ECHO, {"text": "x"})
    (request,) = pending(world, person)
    assert refused.failed
    assert refused.status == 200
    assert "(approval_pending)" in refused.text
    assert f"Request {request['id']} waits" in refused.text
    assert_nothing_internal(json.dumps(refused.body))
    if isinstance(face, Mcp):
        about = refused.body["result"]["_meta"]["mcp-ambassador/denial"]
        assert about == {"reason": "approval_pending", "request": request["id"]}
    decide(world, person)
    assert caller.call(face, ECHO, {"text": "y"}).failed
    assert caller.call(face, ECHO, {"text": "x"}).text == "x"
    assert arrived.count() == 1
    assert caller.call(face, ECHO, {"text": "x"}).failed
    assert arrived.count() == 1


def test_one_face_may_ask_and_another_may_call(world: World) -> None:
    person, caller = granted(world)
    assert caller.call(MODERN, ECHO, {"text": "x"}).failed
    decide(world, person)
    assert caller.call(REST, ECHO, {"text": "x"}).text == "x"


def test_approval_outlives_a_restart(world: World) -> None:
    person, caller = granted(world)
    assert caller.call(MODERN, ECHO, {"text": "x"}).failed
    decide(world, person)
    world.restart()
    again = world.session(person)
    assert again.call(MODERN, ECHO, {"text": "x"}).text == "x"
    assert again.call(MODERN, ECHO, {"text": "x"}).failed


@pytest.mark.parametrize("face", MCP_FACES, ids=str)
def test_denied_call_says_why(world: World, face: Mcp) -> None:
    person, caller = granted(world)
    caller.call(face, ECHO, {"text": "x"})
    decide(world, person, "deny", reason="not today")
    refused = caller.call(face, ECHO, {"text": "x"})
    assert "not today (approval_denied)" in refused.text
    assert pending(world, person) == []


def test_kill_switch_wins_over_an_approval(world: World, behind: Downstream) -> None:
    person, caller = granted(world)
    caller.call(MODERN, ECHO, {"text": "x"})
    decide(world, person)
    arrived = behind.from_here()
    switch = world.ask("POST", "kill-switches", {"scope": "mcp", "target": "far", "reason": "test"})
    assert "stopped by an administrator" in caller.call(MODERN, ECHO, {"text": "x"}).text
    world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert arrived.count() == 0
    assert caller.call(MODERN, ECHO, {"text": "x"}).text == "x"


def test_member_of_the_group_decides_with_a_client_key(world: World) -> None:
    approvers = world.fresh("approvers")
    world.ask("POST", "groups", {"name": approvers})
    person, caller = granted(world, approvers=approvers, valid_seconds=60)
    approver, stranger = world.session(world.person(approvers)), world.caller()
    caller.call(MODERN, ECHO, {"text": "x"})
    (request,) = pending(world, person)
    path = f"/{request['id']}/approve"
    assert own(stranger, "POST", path, {}).status_code == 404
    assert own(caller, "POST", path, {}).status_code == 403
    (shown,) = own(approver, "GET", "?to_decide=true").json()["requests"]
    assert shown["id"] == request["id"]
    assert shown["content"]["arguments"] == {"text": "x"}
    assert own(stranger, "GET", "?to_decide=true").json()["requests"] == []
    assert own(caller, "GET", "?to_decide=true").json()["requests"] == []
    approved = own(approver, "POST", path, {"reason": "fine"})
    assert approved.json()["status"] == "approved", approved.text
    assert caller.call(MODERN, ECHO, {"text": "x"}).text == "x"
    (mine,) = own(caller, "GET").json()["requests"]
    assert (mine["status"], mine["decision_reason"]) == ("used", "fine")


def test_administrator_who_is_no_approver_decides_nothing(world: World) -> None:
    approvers = world.fresh("approvers")
    world.ask("POST", "groups", {"name": approvers})
    person, caller = granted(world, approvers=approvers)
    caller.call(MODERN, ECHO, {"text": "x"})
    (request,) = pending(world, person)
    refused = world.admin.post(f"/v1/admin/approvals/{request['id']}/approve", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "AMB-3002")
    assert f"Only members of group '{approvers}'" in refused.json()["message"]
    kept = world.admin.delete(f"/v1/admin/groups/{approvers}")
    assert kept.status_code == 409
    assert "approves the calls of a grant" in kept.json()["message"]


def test_user_cancels_a_request(world: World) -> None:
    person, caller = granted(world)
    caller.call(MODERN, ECHO, {"text": "x"})
    (request,) = pending(world, person)
    assert own(caller, "POST", f"/{request['id']}/cancel").json()["status"] == "cancelled"
    assert pending(world, person) == []
    assert own(caller, "POST", f"/{request['id']}/cancel").status_code == 409


def test_client_is_refused_asks_and_calls(world: World, tmp_path: Path) -> None:
    approvers = world.fresh("approvers")
    world.ask("POST", "groups", {"name": approvers})
    person, _ = granted(world, approvers=approvers)
    user, approver = Client(world, tmp_path / "user"), Client(world, tmp_path / "approver")
    user.login(person)
    approver.login(world.person(approvers))
    words = ("call", ECHO, "text=x")
    refused = user.run(*words, expect=8)
    assert (refused.stdout, refused.stderr[:28]) == ("", "AMB-3001 far__echo is refuse")
    assert "(approval_pending)" in refused.stderr
    (mine,) = user.json("request", "list")
    assert (mine["status"], mine["approvers"]) == ("pending", approvers)
    assert mine["id"] in user.run("request", "list").stdout
    assert user.run("request", "approve", mine["id"], expect=4).stderr.startswith("AMB-3002")
    (theirs,) = approver.json("request", "list", "--to-decide")
    assert theirs["content"]["arguments"] == {"text": "x"}
    approver.run("request", "approve", mine["id"], "--reason", "checked")
    assert user.run(*words).stdout == "x\n"
    assert user.json("request", "show", mine["id"])["status"] == "used"
    assert user.json(*words, expect=8)["isError"] is True
    (waiting,) = [each for each in user.json("request", "list") if each["status"] == "pending"]
    assert user.json("request", "cancel", waiting["id"])["status"] == "cancelled"
    approver.run("request", "approve", "nothing", expect=5)
    assert approver.json("request", "list") == []


def test_administrator_watches_shows_and_decides(world: World) -> None:
    person, caller = granted(world)
    caller.call(MODERN, ECHO, {"text": "\x1b[31mred"})
    (request,) = pending(world, person)
    listed = world.rig.admin_json("approval", "list", "--pending", "--filter", f"user={person.name}")
    assert [each["id"] for each in listed] == [request["id"]]
    shown = world.rig.admin("approval", "show", request["id"][:8]).stdout
    assert "\x1b" not in shown
    assert world.rig.admin_json("approval", "deny", request["id"], "--reason", "no")["status"] == "denied"


def test_only_an_admin_adds_a_member_to_a_group_that_approves(world: World) -> None:
    approvers = world.fresh("approvers")
    world.ask("POST", "groups", {"name": approvers})
    granted(world, approvers=approvers)
    person = world.person(world.group())
    key = world.ask("POST", "admin-keys", {"name": world.fresh("ci"), "roles": ["provisioner"]})["admin_key"]
    path = f"groups/{approvers}/members/{person.name}"
    refused = send(world, "PUT", path, key=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "AMB-3002")
    assert "approves calls" in refused.json()["message"]
    world.ask("PUT", path)
