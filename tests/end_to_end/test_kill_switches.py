"""A kill switch stops the next call on every face and cancels running calls, until it is lifted."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, Answer, Face
from tests.end_to_end.world import (
    Caller,
    Downstream,
    Person,
    World,
    assert_nothing_internal,
    assert_refused,
    assert_works,
    until,
)
from tests.patience import PATIENCE

DENIED = -31001
REASON = "incident 42: keys leaked"
SCOPES = ["everyone", "user", "group", "key", "session", "mcp", "tool", "tool-class"]
SPARING_OTHERS = ["user", "group", "key", "session"]
SPARING_TOOLS = ["mcp", "tool", "tool-class"]


@dataclass(frozen=True, slots=True)
class Target:
    """A user, with every value by which a kill switch can name the user."""

    group: str
    person: Person
    caller: Caller

    def of(self, scope: str) -> str | None:
        """Return the target for a scope."""
        return {
            "everyone": None,
            "user": self.person.name,
            "group": self.group,
            "key": self.person.key_id,
            "session": self.caller.session_id,
            "mcp": "tools",
            "tool": "tools.echo",
            "tool-class": "read-only",
        }[scope]


@pytest.fixture(scope="module")
def bystander(world: World) -> Caller:
    world.publish_fixture("pipe")
    return world.caller()


@pytest.fixture
def target(world: World, bystander: Caller) -> Target:
    group = world.group("tools", "pipe")
    person = world.person(group)
    return Target(group, person, world.session(person))


@pytest.fixture(autouse=True)
def _no_refused_call_arrives(tools: Downstream) -> Iterator[None]:
    yield
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "must not run"]


def kill(world: World, scope: str, what: str | None, **more: Any) -> dict[str, Any]:
    """Activate a kill switch."""
    body = {"scope": scope, "target": what, "reason": REASON, **more}
    switch: dict[str, Any] = world.ask("POST", "kill-switches", body)
    return switch


def lift(world: World, switch: dict[str, Any]) -> None:
    world.ask("POST", f"kill-switches/{switch['id']}/lift")


@contextmanager
def slow_call(
    world: World, caller: Caller, face: Face, tool: str = "tools__slow"
) -> Iterator[Future[Answer]]:
    """Keep a call in flight that would take minutes."""
    resource = tool.replace("__", ".", 1)
    known = len(world.events(action="call:tool:attempt", resource=resource))
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(caller.call, face, tool, {"seconds": 600, "text": "slow"})
        until(
            lambda: len(world.events(action="call:tool:attempt", resource=resource)) > known,
            "the call is in flight",
        )
        yield future


def assert_stopped(answer: Answer) -> None:
    assert answer.failed
    assert REASON in answer.text
    assert answer.code in (None, DENIED)
    assert_nothing_internal(json.dumps(answer.body))


@pytest.mark.parametrize("scope", SCOPES)
def test_every_scope_stops_the_next_call_until_the_switch_is_lifted(
    world: World, target: Target, bystander: Caller, scope: str
) -> None:
    assert_works(target.caller)
    what = target.of(scope)
    words = ("--yes",) if what is None else (what,)
    switch = world.rig.admin_json("kill", scope, *words, "--reason", REASON)
    try:
        assert_refused(target.caller, REASON)
        if scope in SPARING_OTHERS:
            assert_works(bystander)
        if scope in SPARING_TOOLS:
            assert target.caller.call(LEGACY, "pipe__params").succeeded
            assert_refused(bystander, REASON)
        assert world.ask("GET", "users"), "administrators keep their access"
    finally:
        lift(world, switch)
    assert_works(target.caller)
    assert_works(bystander)


@pytest.mark.parametrize(
    ("scope", "face"),
    [
        (scope, FACES[number % len(FACES)])
        for number, scope in enumerate(SCOPES)
        if scope not in SPARING_TOOLS
    ],
    ids=str,
)
def test_every_scope_of_users_cancels_a_call_in_flight(
    world: World, target: Target, bystander: Caller, scope: str, face: Face
) -> None:
    with slow_call(world, target.caller, face) as running:
        switch = kill(world, scope, target.of(scope))
        assert_stopped(running.result(timeout=PATIENCE))
    lift(world, switch)


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize(
    ("scope", "what"), [("mcp", "pipe"), ("tool", "pipe.slow"), ("tool_class", "destructive")], ids=str
)
def test_every_scope_of_tools_cancels_a_call_in_flight(
    world: World, target: Target, face: Face, scope: str, what: str
) -> None:
    with slow_call(world, target.caller, face, "pipe__slow") as running:
        switch = kill(world, scope, what)
        assert_stopped(running.result(timeout=PATIENCE))
    lift(world, switch)
    until(
        lambda: target.caller.call(LEGACY, "pipe__cancelled").text != "0", "the downstream was told to stop"
    )


def test_switch_does_not_affect_other_users_and_tools(
    world: World, target: Target, bystander: Caller
) -> None:
    with slow_call(world, bystander, LEGACY, "pipe__slow") as running:
        switch = kill(world, "user", target.person.name)
        assert_refused(target.caller, REASON)
        assert_works(bystander)
        assert not running.done()
        other = kill(world, "mcp", "pipe")
        assert_stopped(running.result(timeout=PATIENCE))
    lift(world, switch)
    lift(world, other)


def test_stopped_call_is_recorded_as_denied_with_its_switch(world: World, target: Target) -> None:
    with slow_call(world, target.caller, LEGACY) as running:
        switch = kill(world, "user", target.person.name)
        assert_stopped(running.result(timeout=PATIENCE))
    assert target.caller.call(LEGACY, "tools__echo").failed
    lift(world, switch)
    newest_first = world.events(actor=target.person.name)[:3]
    recorded = [(event["action"], event["reason"], event["resource"]["name"]) for event in newest_first]
    assert recorded == [
        ("call:tool:deny", "kill_switch", "tools.echo"),
        ("call:tool:deny", "kill_switch", "tools.slow"),
        ("call:tool:attempt", None, "tools.slow"),
    ]
    assert {event["details"].get("switch") for event in newest_first[:2]} == {switch["id"]}


def test_user_gets_the_message_of_the_switch(world: World, target: Target) -> None:
    switch = kill(world, "user", target.person.name, message="Ask the desk at 1234.")
    for face in FACES:
        answer = target.caller.call(face, "tools__echo", {"text": "must not run"})
        assert "Ask the desk at 1234." in answer.text
        assert REASON not in json.dumps(answer.body), "the reason is for administrators"
    lift(world, switch)


def test_switch_discloses_no_hidden_tool(world: World, target: Target) -> None:
    stranger = world.session(world.person(world.group()))
    switch = kill(world, "mcp", "tools")
    for face in FACES:
        answer = stranger.call(face, "tools__echo", {"text": "must not run"})
        assert answer.failed
        assert REASON not in json.dumps(answer.body)
    lift(world, switch)


def test_drill_is_recorded_and_stops_nothing(world: World, target: Target) -> None:
    switch = kill(world, "user", target.person.name, drill=True)
    assert switch["drill"] is True
    assert_works(target.caller)
    assert world.events(action="kill:switch:activate")[0]["details"]["drill"] is True
    lift(world, switch)
    assert world.events(action="kill:switch:lift")[0]["resource"]["id"] == switch["id"]


@pytest.mark.parametrize("scope", SCOPES)
def test_drill_shows_its_impact_and_cancels_no_call(world: World, target: Target, scope: str) -> None:
    with slow_call(world, target.caller, LEGACY) as running:
        what = target.of(scope)
        words = () if what is None else (what,)
        switch = world.rig.admin_json("kill", scope, *words, "--reason", REASON, "--drill")
        impact = switch["impact"]
        assert target.person.name in impact["users"]["first"]
        assert "tools.echo" in impact["tools"]["first"]
        assert "tools" in impact["mcps"]["first"]
        if scope in SPARING_OTHERS:
            assert [impact[name] for name in ("sessions", "calls")] == [1, 1]
            assert impact["users"] == {"count": 1, "first": [target.person.name]}
        if scope in SPARING_TOOLS:
            assert impact["sessions"] == 0
        assert_works(target.caller)
        assert not running.done()
        stop = kill(world, "user", target.person.name)
        assert stop["impact"]["calls"] == 1
        assert_stopped(running.result(timeout=PATIENCE))
    shown = world.rig.admin_json("kill", "show", stop["id"][:13])
    assert shown["impact"]["users"]["first"] == [target.person.name]
    assert shown["impact"]["calls"] == 0
    lift(world, stop)
    lift(world, switch)


def test_drill_ends_at_its_expiry(world: World, target: Target) -> None:
    switch = kill(world, "user", target.person.name, drill=True, expires_in_seconds=1)
    until(
        lambda: switch["id"] not in [item["id"] for item in world.ask("GET", "kill-switches")["items"]],
        "the drill runs out",
    )
    assert world.ask("GET", f"kill-switches/{switch['id']}")["impact"]["users"]["count"] == 1


def test_switch_survives_a_restart_and_ends_when_lifted(
    world: World, target: Target, bystander: Caller
) -> None:
    switch = kill(world, "everyone", None)
    world.restart()
    for caller in (target.caller, bystander):
        assert_refused(caller, REASON)
    lift(world, switch)
    assert_works(target.caller)


def test_switch_ends_at_its_expiry(world: World, target: Target) -> None:
    switch = kill(world, "user", target.person.name, expires_in_seconds=2)
    assert_refused(target.caller, REASON)
    until(lambda: target.caller.call(LEGACY, "tools__echo").succeeded, "the stop runs out")
    assert_works(target.caller)
    assert switch["id"] not in [item["id"] for item in world.ask("GET", "kill-switches")["items"]]


def test_two_switches_apply_until_both_are_lifted(world: World, target: Target) -> None:
    first, second = kill(world, "user", target.person.name), kill(world, "group", target.group)
    lift(world, first)
    assert_refused(target.caller, REASON)
    lift(world, second)
    assert_works(target.caller)


def test_command_lifts_a_switch_and_refuses_an_unknown_target(world: World, target: Target) -> None:
    switch = kill(world, "user", target.person.name)
    world.rig.admin("kill", "lift", switch["id"])
    assert_works(target.caller)
    refused = world.rig.admin("kill", "tool", "nothing.at_all", "--reason", REASON, expect=5)
    assert "nothing.at_all" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("scope", ["user", "group", "key", "session", "mcp", "tool", "tool_class"])
def test_switch_for_an_unknown_target_is_refused(world: World, scope: str) -> None:
    body = {"scope": scope, "target": "nothing-of-this-name", "reason": REASON}
    assert world.admin.post("/v1/admin/kill-switches", json=body).status_code == 404


def test_a_tool_that_its_mcp_does_not_have_is_stopped_only_when_that_is_allowed(
    world: World, target: Target
) -> None:
    body = {"scope": "tool", "target": "tools.ecoh", "reason": "bug"}
    refused = world.admin.post("/v1/admin/kill-switches", json=body)
    assert (refused.status_code, "near: 'echo'" in refused.json()["detail"]) == (400, True)
    assert "--allow-unmatched" in refused.json()["hint"]
    switch = world.ask("POST", "kill-switches", {**body, "allow_unmatched": True})
    assert "near: 'echo'" in switch["warnings"][0]
    lift(world, switch)


def test_a_tool_of_an_mcp_that_was_never_connected_can_be_stopped(world: World, target: Target) -> None:
    name = world.fresh("draft")
    world.offer(name, "stdio", {"command": "anything"})
    body = {"scope": "tool", "target": f"{name}.delete all", "reason": "bug"}
    switch = world.ask("POST", "kill-switches", body)
    assert "nothing could be checked" in switch["warnings"][0]
    lift(world, switch)


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
def test_switch_for_a_key_applies_to_requests_with_the_key_itself(
    world: World, target: Target, era: Face
) -> None:
    host = Caller(world.http, target.person.key)
    switch = kill(world, "key", target.person.key_id)
    answer = host.call(era, "tools__echo", {"text": "must not run"})
    assert_stopped(answer)
    lift(world, switch)
    assert host.call(era, "tools__echo", {"text": "again"}).text == "again"


def test_no_call_sent_after_the_switch_runs(world: World, target: Target, tools: Downstream) -> None:
    """While calls run on every face, no call that is sent after the response to the activation may run."""
    stopped, done = threading.Event(), threading.Event()

    def call_repeatedly(face: Face) -> tuple[int, int]:
        ran = crossed = 0
        while not done.is_set():
            late = stopped.is_set()
            succeeded = target.caller.call(
                face, "tools__echo", {"text": "late" if late else "early"}
            ).succeeded
            ran += succeeded
            crossed += succeeded and late
        return ran, crossed

    with ThreadPoolExecutor(6) as threads:
        hammers = [threads.submit(call_repeatedly, face) for face in FACES * 2]
        arrived = tools.count()
        until(lambda: tools.count() > arrived + 60, "the calls are under way")
        switch = kill(world, "user", target.person.name)
        stopped.set()
        assert_refused(target.caller, REASON)
        done.set()
        outcomes = [future.result(timeout=PATIENCE) for future in hammers]
    lift(world, switch)
    assert all(ran > 0 for ran, _ in outcomes)
    assert sum(crossed for _, crossed in outcomes) == 0
    assert not [call for call in tools.calls() if call["arguments"].get("text") == "late"]


@pytest.mark.parametrize("scope", ["user", "key"])
def test_stopped_users_cannot_open_or_extend_a_session(world: World, target: Target, scope: str) -> None:
    switch = kill(world, scope, target.of(scope))
    try:
        assert target.caller.heartbeat().status_code in (401, 403)
        assert world.register(target.person.key).status_code in (401, 403)
    finally:
        lift(world, switch)


def test_switch_on_a_key_stops_the_keys_that_replaced_it(world: World, target: Target) -> None:
    issued = world.ask("POST", f"keys/{target.person.key_id}/rotate", {})
    replacement = Person(target.person.name, issued["key"]["id"], issued["preshared_key"])
    again = world.ask("POST", f"keys/{replacement.key_id}/rotate", {})
    newest = Person(target.person.name, again["key"]["id"], again["preshared_key"])
    caller, other = world.session(newest), world.session(world.person(target.group))
    assert_works(caller)
    with slow_call(world, caller, LEGACY) as running:
        switch = kill(world, "key", target.person.key_id)
        assert switch["impact"]["sessions"] == 2, (
            "the first session of the target, and that of the newest key"
        )
        assert switch["impact"]["calls"] == 1
        assert_stopped(running.result(timeout=PATIENCE))
    assert_refused(caller, REASON)
    assert world.register(newest.key).status_code == 403
    assert_works(other)
    lift(world, switch)
    assert_works(caller)
    # A switch on a replacement leaves the key that it replaced alone.
    switch = kill(world, "key", newest.key_id)
    assert_refused(caller, REASON)
    assert_works(target.caller)
    lift(world, switch)


def test_stopped_mcp_cannot_be_made_again_without_its_switch(world: World) -> None:
    name = world.fresh("stopped")
    world.publish_fixture(name)
    switch = kill(world, "mcp", name)
    world.ask("POST", f"mcps/{name}/archive")
    refused = world.admin.delete(f"/v1/admin/mcps/{name}")
    assert refused.status_code == 409
    assert "kill list" in refused.json()["hint"]
    world.ask("POST", f"mcps/{name}/publish")
    assert_refused(world.caller(), tool=f"{name}__echo")
    world.ask("POST", f"mcps/{name}/archive")
    lift(world, switch)
    world.ask("DELETE", f"mcps/{name}")
