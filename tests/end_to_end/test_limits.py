"""A limit refuses the calls that exceed it on every face and through ambassador-client, and the audit says which."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.client.host import host as start_client
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Answer, Face, Mcp
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_next_call import echo, env_of
from tests.end_to_end.world import Caller, Person, World, assert_nothing_internal, until

DENIED = -31001


@pytest.fixture
def person(world: World) -> Person:
    return world.person(world.group("tools"))


@pytest.fixture
def caller(world: World, person: Person) -> Caller:
    return world.session(person)


@pytest.fixture(autouse=True)
def _no_limit_stays(world: World) -> Iterator[None]:
    yield
    for each in world.ask("GET", "limits")["items"]:
        world.ask("DELETE", f"limits/{each['name']}")


def limit(
    world: World, name: str, scope: str, target: str | None, measure: str, value: int, **more: Any
) -> Any:
    body = {"scope": scope, "target": target, "measure": measure, "value": value, **more}
    return world.ask("PUT", f"limits/{name}", {key: each for key, each in body.items() if each is not None})


def call(caller: Caller, face: Face, text: str = "x") -> Answer:
    return caller.call(face, "tools__echo", {"text": text})


def denials(world: World, person: Person) -> list[dict[str, Any]]:
    return world.events(action="call:tool:deny", user=person.name)


def assert_exceeded(answer: Answer, name: str) -> None:
    assert answer.failed
    assert f"the limit '{name}' allows" in answer.text
    assert "(limit_exceeded)" in answer.text
    assert_nothing_internal(json.dumps(answer.body))


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_call_too_many_of_a_minute_is_refused_on_every_face_with_the_time_to_wait(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    limit(world, "slow", "user", person.name, "calls_per_minute", 1, burst=2)
    assert [call(caller, face).succeeded for _ in range(2)] == [True, True]
    response = caller.send(face.call(caller.secret, "tools__echo", {"text": "must not run"}))
    answer = face.read(response.status_code, response.content)
    assert_exceeded(answer, "slow")
    if isinstance(face, Mcp):
        data = answer.body["error"]["data"]
        assert (answer.code, data["reason"], data["limit"]) == (DENIED, "limit_exceeded", "slow")
        wait = data["retryAfterSeconds"]
    else:
        assert (response.status_code, answer.body["code"]) == (429, "AMB-2003")
        wait = int(response.headers["Retry-After"])
    assert 1 <= wait <= 60
    assert f"Wait {wait} s" in answer.text
    (event,) = denials(world, person)
    assert (event["outcome"], event["reason"]) == ("denied", "limit_exceeded")
    assert event["details"] == {"limit": "slow", "wait_seconds": wait}
    assert caller.names(face), "lists are exempt"


@pytest.mark.parametrize(
    ("scope", "together"),
    [
        ("tool", True),
        ("mcp", True),
        ("tool_class", True),
        ("group", False),
        ("everyone", False),
        ("user", False),
        ("key", False),
    ],
)
def test_every_scope_bounds_the_calls_of_a_day(
    world: World, person: Person, caller: Caller, scope: str, together: bool
) -> None:
    group = world.ask("GET", f"users/{person.name}")["groups"][0]
    target = {
        "tool": "tools.echo",
        "mcp": "tools",
        "tool_class": "read-only",
        "group": group,
        "everyone": None,
        "user": person.name,
        "key": person.key_id,
    }[scope]
    other = world.session(world.person(group))
    limit(world, "daily", scope, target, "calls_per_day", 1)
    assert call(caller, LEGACY).succeeded
    assert_exceeded(call(caller, MODERN), "daily")
    assert call(other, REST).failed is together
    world.ask("DELETE", "limits/daily")
    assert call(caller, MODERN).succeeded


@pytest.mark.parametrize("face", MCP_FACES, ids=str)
def test_one_call_at_a_time_until_the_first_has_ended(
    world: World, person: Person, caller: Caller, face: Mcp
) -> None:
    limit(world, "single", "user", person.name, "in_flight", 1)
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(caller.call, face, "tools__slow", {"seconds": 600, "text": "slow"})
        until(lambda: world.events(action="call:tool:attempt", user=person.name), "the call is in flight")
        assert_exceeded(call(caller, face), "single")
        (counter,) = [
            each for each in world.ask("GET", "limit-counters")["items"] if each["limit"] == "single"
        ]
        assert (counter["used"], counter["most"], counter["percent"]) == (1, 1, 100)
        stop = {"scope": "user", "target": person.name, "reason": "end the call"}
        switch = world.ask("POST", "kill-switches", stop)["id"]
        assert slow.result().failed
    world.ask("POST", f"kill-switches/{switch}/lift")
    assert call(caller, face).succeeded


@pytest.mark.parametrize("face", FACES, ids=str)
def test_arguments_and_results_that_are_too_large_are_refused(
    world: World, person: Person, caller: Caller, face: Face
) -> None:
    limit(world, "short", "user", person.name, "argument_bytes", 100)
    assert_exceeded(call(caller, face, "x" * 200), "short")
    limit(world, "brief", "user", person.name, "result_bytes", 20)
    answer = call(caller, face)
    assert_exceeded(answer, "brief")
    assert "The call has run" in answer.text
    reasons = [(event["reason"], event["details"]) for event in denials(world, person)]
    assert sorted(details["limit"] for _, details in reasons) == ["brief", "short"]


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_a_host_behind_the_client_is_told_and_may_go_on_after_a_change(
    world: World, person: Person, tmp_path: Path, modern: bool
) -> None:
    limit(world, "slow", "user", person.name, "calls_per_minute", 1, burst=1)
    async with start_client(env_of(world, person, tmp_path)) as host:
        if not modern:
            await host.initialize()
        assert "ran" in await echo(host, "ran", modern=modern)
        refused = await echo(host, "must not run", modern=modern)
        assert "limit_exceeded" in refused
        assert "retryAfterSeconds" in refused
        world.ask("DELETE", "limits/slow")
        assert "again" in await echo(host, "again", modern=modern)


def test_the_user_is_told_by_the_command_of_the_client(world: World, person: Person, tmp_path: Path) -> None:
    client = Client(world, tmp_path)
    client.login(person)
    limit(world, "once", "user", person.name, "calls_per_day", 1)
    client.run("call", "tools.echo", "text=a")
    refused = client.run("call", "tools.echo", "text=a", expect=4)
    assert "the limit 'once' allows 1 calls a day (limit_exceeded)" in refused.stderr


def test_the_more_specific_limit_holds_and_access_explain_says_which(
    world: World, person: Person, caller: Caller
) -> None:
    limit(world, "for-all", "everyone", None, "calls_per_day", 1)
    limit(world, "for-one", "user", person.name, "calls_per_day", 2)
    limit(world, "for-tool", "tool", "tools.echo", "calls_per_day", 50)
    explained = world.ask("GET", f"access/explain?user={person.name}&tool=tools.echo")
    rules = {each["says"].split(":")[0]: each for each in explained["rules"] if each["kind"] == "limit"}
    assert {name: (each["applies"], each["why"]) for name, each in rules.items()} == {
        "limit for-tool": (True, None),
        "limit for-one": (True, None),
        "limit for-all": (False, "a more specific limit applies"),
    }
    assert [call(caller, LEGACY).succeeded for _ in range(2)] == [True, True]
    assert_exceeded(call(caller, LEGACY), "for-one")


def test_what_cannot_be_is_refused_with_what_is_near(world: World, person: Person) -> None:
    def refused(status: int, body: dict[str, Any], name: str = "odd") -> str:
        answer = world.admin.put(f"/v1/admin/limits/{name}", json=body)
        assert answer.status_code == status, answer.text
        return str(answer.json()["message"])

    rate = {"scope": "user", "target": person.name, "measure": "calls_per_minute", "value": 5}
    assert "near" in refused(404, {**rate, "scope": "mcp", "target": "tool"})
    assert "near" in refused(400, {**rate, "scope": "tool", "target": "tools.ecko"})
    assert "no target" in refused(400, {**rate, "scope": "everyone"})
    assert "value" in refused(400, {**rate, "value": 0})
    assert "burst" in refused(400, {**rate, "measure": "in_flight", "burst": 2})
    assert "measure" in refused(400, {**rate, "measure": "calls"})
    assert "name" in refused(400, rate, "no%20name")
    assert world.admin.get("/v1/admin/limits/firts").status_code == 404


def test_what_a_limit_is_about_stays_until_the_limit_is_removed(world: World) -> None:
    group = world.group("tools")
    limit(world, "grouped", "group", group, "in_flight", 5)
    refused = world.admin.delete(f"/v1/admin/groups/{group}")
    assert refused.status_code == 409
    assert "limit remove grouped" in refused.text
    world.ask("DELETE", "limits/grouped")
    world.ask("DELETE", f"groups/{group}")


def test_a_tool_that_a_limit_names_is_not_renamed(world: World) -> None:
    world.publish_fixture("renamable")
    limit(world, "named", "tool", "renamable.echo", "in_flight", 5)
    change = {"transforms": {"echo": {"name": "parrot"}}}
    refused = world.admin.patch("/v1/admin/mcps/renamable", json=change)
    assert refused.status_code == 409, refused.text
    assert "'named' is about tool 'renamable.echo'" in refused.json()["message"]
    world.ask("DELETE", "limits/named")
    world.ask("PATCH", "mcps/renamable", change)
