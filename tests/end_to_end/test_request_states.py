"""A modern host answers questions by retrying its request; nobody else can, and no other request."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import MODERN
from tests.end_to_end.world import Caller, Downstream, World, downstream, running, until
from tests.rig import Rig

CAPABILITIES = {"elicitation": {"form": {}}}
DOWNSTREAMS = ("legacy", "modern")
"""A call of a legacy downstream is held, and one of a modern downstream continued by it."""


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with a downstream of each era."""
    with (
        downstream(directory, "--era", "modern") as modern,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish("legacy", "streamable_http", {"url": tools.url})
        started.publish("modern", "streamable_http", {"url": modern.url})
        yield started


def call(caller: Caller, mcp: str, rounds: int = 1, **more: Any) -> dict[str, Any]:
    """Call the tool that asks, with members of a retry if any are given, and return the whole message."""
    params = {
        "name": f"{mcp}__confirm",
        "arguments": more.pop("arguments", {"rounds": rounds}),
        "_meta": {"io.modelcontextprotocol/clientCapabilities": more.pop("capabilities", CAPABILITIES)},
        **more,
    }
    answer = caller.send(MODERN.request(caller.secret, "tools/call", params))
    assert answer.status_code == 200, answer.text
    return answer.json()


def answers(asked: dict[str, Any], answer: Any) -> dict[str, Any]:
    """Return the members of a retry that answers every question alike."""
    return {
        "inputResponses": dict.fromkeys(asked["result"]["inputRequests"], answer),
        "requestState": asked["result"]["requestState"],
    }


def yes(text: str = "yes") -> dict[str, Any]:
    return {"action": "accept", "content": {"sure": text}}


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_modern_host_is_asked_in_results_and_answers_with_retries(
    world: World, mcp: str, rounds: int
) -> None:
    caller = world.caller()
    message = call(caller, mcp, rounds)
    for number in range(1, rounds + 1):
        assert message["result"]["resultType"] == "input_required"
        (question,) = message["result"]["inputRequests"].values()
        assert question["method"] == "elicitation/create"
        assert question["params"]["message"] == f"{mcp} asks: Delete it ({number})?"
        assert question["params"]["x-kept"] == 10**20
        message = call(caller, mcp, rounds, **answers(message, yes(str(number))))
    assert message["result"]["resultType"] == "complete"
    assert message["result"]["structuredContent"]["answers"] == [yes(str(n + 1)) for n in range(rounds)]

    def ended() -> list[str] | None:
        events = world.events(session=caller.session_id)[::-1]
        actions = [each["action"] for each in events if each["action"].startswith("call:")]
        return (
            actions
            if actions.count("call:tool:answer") == rounds and actions[-1].endswith("outcome")
            else None
        )

    actions = until(ended, "the call is recorded")
    assert actions.count("call:tool:question") == rounds
    assert "Delete it" not in json.dumps(world.events(session=caller.session_id))


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_a_state_is_of_no_use_to_another_principal(world: World, mcp: str) -> None:
    person = world.person()
    caller, same_person, stranger = world.session(person), world.session(person), world.caller()
    asked = call(caller, mcp)
    refused = call(stranger, mcp, **answers(asked, yes()))
    assert (refused["error"]["code"], "requestState" in refused["error"]["message"]) == (-32602, True)
    # The same person may have registered again meanwhile.
    assert call(same_person, mcp, **answers(asked, yes()))["result"]["resultType"] == "complete"


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("changed", ["arguments", "tool", "method"])
def test_a_state_is_of_no_use_to_another_request(world: World, mcp: str, changed: str) -> None:
    caller = world.caller()
    retry = answers(call(caller, mcp), yes())
    if changed == "arguments":
        refused = call(caller, mcp, **retry, arguments={"rounds": 1, "more": 1})
    elif changed == "tool":
        params = {"name": f"{mcp}__echo", "arguments": {"rounds": 1}, **retry}
        refused = caller.send(MODERN.request(caller.secret, "tools/call", params)).json()
    else:
        params = {"name": f"{mcp}__confirm", "arguments": {"rounds": 1}, **retry}
        refused = caller.send(MODERN.request(caller.secret, "prompts/get", params)).json()
    assert refused["error"]["code"] == -32602
    assert "another request" in refused["error"]["message"]


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_a_retry_may_write_its_request_in_another_way(world: World, mcp: str) -> None:
    caller = world.caller()
    retry = answers(call(caller, mcp, arguments={"rounds": 1, "a": "é", "b": 1}), yes())
    params = {
        **retry,
        "_meta": {
            "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        },
        "arguments": {"b": 1, "a": "é", "rounds": 1},
        "name": f"{mcp}__confirm",
    }
    body = json.dumps(
        {"id": 8, "jsonrpc": "2.0", "method": "tools/call", "params": params}, ensure_ascii=False, indent=1
    )
    wire = MODERN.request(caller.secret, "tools/call", {"name": params["name"]})
    answer = caller.http.post("/mcp", content=body.encode(), headers=wire.headers)
    assert answer.json()["result"]["structuredContent"]["answers"] == [yes()]


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize(
    "state", ["", "x", "A" * 200, "é", "\0", 7, None, {}, [], "changed", "cut", "twice", "x" * 60_000]
)
def test_a_malformed_state_is_refused(world: World, mcp: str, state: Any) -> None:
    caller = world.caller()
    retry = answers(call(caller, mcp), yes())
    real = retry["requestState"]
    retry["requestState"] = (
        {
            "changed": real[:-3] + ("AAA" if not real.endswith("AAA") else "BBB"),
            "cut": real[:-1],
            "twice": real + real,
        }.get(state, state)
        if isinstance(state, str)
        else state
    )
    refused = call(caller, mcp, **retry)
    assert (refused["error"]["code"], "requestState" in refused["error"]["message"]) == (-32602, True)
    assert call(caller, mcp, **{**retry, "requestState": real})["result"]["resultType"] == "complete"


def test_the_state_of_a_held_call_is_used_once(world: World) -> None:
    caller = world.caller()
    first = call(caller, "legacy", 2)
    retry = answers(first, yes())
    second = call(caller, "legacy", 2, **retry)
    assert call(caller, "legacy", 2, **retry)["error"]["code"] == -32602
    last = call(caller, "legacy", 2, **answers(second, yes()))
    assert last["result"]["resultType"] == "complete"
    assert call(caller, "legacy", 2, **answers(second, yes()))["error"]["code"] == -32602


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
@pytest.mark.parametrize("responses", [None, [], 7, "x"])
def test_malformed_answers_are_refused(world: World, mcp: str, responses: Any) -> None:
    caller = world.caller()
    retry = answers(call(caller, mcp), yes()) | {"inputResponses": responses}
    assert call(caller, mcp, **retry)["error"]["code"] == -32602


def test_missing_and_unknown_answers_are_asked_for_again(world: World) -> None:
    caller = world.caller()
    asked = call(caller, "legacy")
    state = asked["result"]["requestState"]
    again = call(caller, "legacy", inputResponses={"unknown": yes()}, requestState=state)
    assert again["result"]["inputRequests"] == asked["result"]["inputRequests"]
    assert call(caller, "legacy", **answers(again, yes()))["result"]["resultType"] == "complete"


def test_a_host_without_the_capability_is_not_asked(world: World) -> None:
    caller = world.caller()
    for capabilities in ({}, {"sampling": {}}, {"roots": {}}):
        found = call(caller, "legacy", capabilities=capabilities)
        (told,) = found["result"]["structuredContent"]["answers"]
        assert "cannot be" in told["message"]


def test_a_kill_switch_ends_a_held_call(world: World) -> None:
    person = world.person()
    caller = world.session(person)
    asked = call(caller, "legacy")
    switch = world.ask(
        "POST", "kill-switches", {"scope": "user", "target": person.name, "reason": "r", "message": "stopped"}
    )
    try:
        refused = call(caller, "legacy", **answers(asked, yes()))
        assert "error" in refused
    finally:
        world.ask("POST", f"kill-switches/{switch['id']}/lift")
    gone = call(caller, "legacy", **answers(asked, yes()))
    assert "waits no longer" in gone["error"]["message"]


def test_held_calls_of_many_users_get_their_own_answers(world: World) -> None:
    callers = [world.caller() for _ in range(5)]

    def run(number: int) -> None:
        caller, mcp = callers[number % 5], DOWNSTREAMS[number % 2]
        message = call(caller, mcp, 2, arguments={"rounds": 2, "n": number})
        for turn in range(2):
            more = answers(message, yes(f"{number}.{turn}"))
            message = call(caller, mcp, 2, arguments={"rounds": 2, "n": number}, **more)
        assert message["result"]["structuredContent"]["answers"] == [yes(f"{number}.0"), yes(f"{number}.1")]

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(run, range(60)))
