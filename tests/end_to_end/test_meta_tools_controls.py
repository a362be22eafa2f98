"""Approvals, broadcasts, rates and changes of the list hold for users with the three tools as for all others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.host import host as start_client
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face
from tests.end_to_end.test_meta_tools import META, ThroughMeta, described, names
from tests.end_to_end.test_next_call import env_of
from tests.end_to_end.test_request_states import answers, yes
from tests.end_to_end.world import Caller, Person, World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

SITES = ("east", "west")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    limits = GENEROUS | {"calls_per_minute": 60}
    with running(directory, prepared, limits=limits, approvals={"hold_seconds": 0}) as started:
        for name in SITES:
            started.publish(name, "stdio", stdio_options(), broadcast="all")
        started.publish_fixture("modern", "--era", "modern")
        yield started


@pytest.fixture
def person(world: World) -> Person:
    person = world.person(world.group(*SITES))
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    return person


@pytest.fixture
def caller(world: World, person: Person) -> Caller:
    return world.session(person)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_call_waits_for_its_approval_and_runs_once_after_it(world: World, face: Face) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": "east", "approval": {}})
    person = world.person(group)
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller, through = world.session(person), ThroughMeta(face)
    assert names(caller, face, "east echo")[0] == "east__echo"
    refused = caller.call(through, "east__echo", {"text": "x"})
    assert refused.failed
    assert "(approval_pending)" in refused.text
    (request,) = world.ask("GET", f"approvals?filter=user%3D{person.name}")["items"]
    world.ask("POST", f"approvals/{request['id']}/approve", {})
    assert caller.call(through, "east__echo", {"text": "other"}).failed, "it is bound to the arguments"
    assert caller.call(through, "east__echo", {"text": "x"}).text == "x"
    assert caller.call(through, "east__echo", {"text": "x"}).failed, "it serves once"


@pytest.mark.parametrize("face", FACES, ids=str)
def test_broadcasts_are_found_described_and_called(world: World, caller: Caller, face: Face) -> None:
    assert "broadcast__echo" in names(caller, face, "", limit=50)
    assert "broadcast__echo" in names(caller, face, "broadcast", limit=50)
    assert names(caller, face, "echo broadcasts")[0] == "broadcast__echo"
    assert names(caller, face, "broadcast__echo")[0] == "broadcast__echo"
    servers = described(caller, face, "broadcast__echo")["inputSchema"]["properties"]["servers"]
    assert servers["items"]["enum"] == list(SITES)
    answer = caller.call(ThroughMeta(face), "broadcast__echo", {"arguments": {"text": "hello"}})
    assert answer.succeeded, answer
    assert answer.text.count("hello") == len(SITES)
    stop = {"scope": "mcp", "target": "west", "reason": "incident 7"}
    switch = world.ask("POST", "kill-switches", stop)["id"]
    assert "broadcast__echo" not in names(caller, face, "broadcast echo", limit=50)
    assert caller.call(face, "describe_tool", {"name": "broadcast__echo"}).failed
    world.ask("POST", f"kill-switches/{switch}/lift")


def test_searches_count_as_calls_of_the_key(world: World, caller: Caller, person: Person) -> None:
    def is_refused(tool: str) -> bool:
        answer = caller.call(
            LEGACY, tool, {"query": "echo"} if tool == "search_tools" else {"name": "east__echo"}
        )
        if answer.failed:
            assert "calls too fast" in answer.text
        return answer.failed

    for tool in ("search_tools", "describe_tool"):
        until(lambda tool=tool: is_refused(tool), f"{tool} is used too often")
    assert caller.names(LEGACY) == META, "lists are exempt"
    denials = world.events(action="call:tool:deny", user=person.name)
    assert {each["reason"] for each in denials} == {"rate_limited"}
    assert denials[-1]["resource"]["name"] == "search_tools"


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
async def test_hosts_are_told_when_the_choice_changes_and_not_of_what_they_do_not_list(
    world: World, person: Person, tmp_path: Path, modern: bool
) -> None:
    async with start_client(env_of(world, person, tmp_path)) as host:
        if modern:
            wanted = {"notifications": {"toolsListChanged": True}}
            host.start_request("subscriptions/listen", wanted, modern=True)
            await host.until(lambda: any("acknowledged" in json.dumps(each) for each in host.notifications))
        else:
            await host.initialize()

        async def listed() -> list[str]:
            found = await host.request("tools/list", modern=modern)
            return [each["name"] for each in found["result"]["tools"]]

        def told() -> int:
            return sum("tools/list_changed" in json.dumps(each) for each in host.notifications)

        assert await listed() == META
        before = told()
        world.ask("PATCH", f"users/{person.name}", {"meta_tools": "off"})
        await host.until(lambda: told() > before)
        assert len(await listed()) > len(META)
        before = told()
        world.ask("PATCH", f"keys/{person.key_id}", {"meta_tools": "on"})
        await host.until(lambda: told() > before)
        assert await listed() == META


def test_one_approval_serves_every_round_of_a_call_that_asks(world: World) -> None:
    group = world.fresh("group")
    world.ask("POST", "groups", {"name": group})
    world.ask("POST", "grants", {"group": group, "mcp": "modern", "approval": {}})
    person = world.person(group)
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller = world.session(person)

    def confirm(rounds: int = 2, **more: Any) -> dict[str, Any]:
        params = {
            "name": "call_tool",
            "arguments": {"name": "modern__confirm", "arguments": {"rounds": rounds}},
            "_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}},
            **more,
        }
        found: dict[str, Any] = caller.send(MODERN.request(caller.secret, "tools/call", params)).json()
        return found

    asked = confirm()
    assert set(asked["result"]["inputRequests"]) == {"approval"}
    (request,) = world.ask("GET", f"approvals?filter=user%3D{person.name}")["items"]
    world.ask("POST", f"approvals/{request['id']}/approve", {})
    first = confirm(**answers(asked, {"action": "accept", "content": {}}))
    second = confirm(**answers(first, yes("1")))
    assert "error" in confirm(3, **answers(second, yes("2"))), "the state belongs to the same arguments"
    done = confirm(**answers(second, yes("2")))
    assert done["result"]["structuredContent"]["answers"] == [yes("1"), yes("2")]
    assert set(confirm()["result"]["inputRequests"]) == {"approval"}, "it serves one call"
