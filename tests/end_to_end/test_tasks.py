"""The extension of tasks through the server: ids are sealed, questions name their MCP, and the tool's grant decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY, MODERN
from tests.end_to_end.world import Caller, World, downstream, running
from tests.rig import Rig

TASKS = "io.modelcontextprotocol/tasks"
EXTENSIONS = {"extensions": {TASKS: {}, "x.y/other": {}}}
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META = {"_meta": {CAPABILITIES: {"elicitation": {}, **EXTENSIONS}}}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with two modern downstreams that have tasks; another MCP has resources of the same URIs."""
    flags = ("--era", "modern", "--offers", "tools,resources,tasks")
    with (
        downstream(directory, *flags) as server,
        running(directory, prepared, limits=GENEROUS) as started,
    ):
        started.publish_fixture("older", "--offers", "resources")
        started.publish("box", "streamable_http", {"url": server.url})
        started.publish_fixture("piped", *flags)
        yield started


def ask(caller: Caller, method: str, **params: Any) -> dict[str, Any]:
    answer = caller.send(MODERN.request(caller.secret, method, params))
    return answer.json()


def begin(caller: Caller, mcp: str = "box") -> str:
    """Begin a task and return its sealed id."""
    task = ask(caller, "tools/call", name=f"{mcp}__later", arguments={}, **META)["result"]
    assert (task["resultType"], task["status"]) == ("task", "working")
    return task["taskId"]


@pytest.mark.parametrize("mcp", ["box", "piped"])
def test_a_task_asks_is_answered_and_completes(world: World, mcp: str) -> None:
    caller = world.caller()
    task = begin(caller, mcp)
    assert "task 1" not in task
    state = ask(caller, "tasks/get", taskId=task, **META)["result"]
    assert (state["status"], state["x-kept"]) == ("input_required", 10**20)
    assert state["inputRequests"]["sure"]["params"]["message"] == f"{mcp} asks: Delete it (1)?"
    answers = {"sure": {"action": "accept", "content": {}}}
    ask(caller, "tasks/update", taskId=state["taskId"], inputResponses=answers, **META)["result"]
    done = ask(caller, "tasks/get", taskId=task, **META)["result"]
    assert (done["status"], done["result"]["structuredContent"]) == ("completed", answers)
    assert done["result"]["content"][0]["uri"] == f"ambassador:{mcp}:memo://2"
    assert "result" in ask(caller, "tasks/cancel", taskId=task, **META)
    questions = [
        (each["action"], each["resource"]["name"], each["details"])
        for each in world.events(session=caller.session_id)
        if each["action"].endswith(":question")
    ]
    assert questions == [("call:tool:question", f"{mcp}.later", {"method": "elicitation/create"})]
    assert "error" in ask(caller, "tasks/get", taskId=task, **META)


def test_a_task_is_begun_with_call_tool_as_well(world: World) -> None:
    person = world.person()
    world.ask("PATCH", f"users/{person.name}", {"meta_tools": "on"})
    caller = world.session(person)
    arguments = {"name": "box__later", "arguments": {}}
    task = ask(caller, "tools/call", name="call_tool", arguments=arguments, **META)["result"]
    assert (task["resultType"], task["status"]) == ("task", "working")
    state = ask(caller, "tasks/get", taskId=task["taskId"], **META)["result"]
    assert state["inputRequests"]["sure"]["params"]["message"] == "box asks: Delete it (1)?"


def test_the_server_has_the_extension_for_modern_hosts_alone(world: World) -> None:
    caller = world.caller()
    assert ask(caller, "server/discover")["result"]["capabilities"]["extensions"] == {TASKS: {}}
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    answer = caller.send(LEGACY.request(caller.secret, "initialize", params)).json()
    assert "extensions" not in answer["result"]["capabilities"]
    assert caller.call(LEGACY, "box__later", {}).failed


def test_a_host_that_did_not_declare_the_extension_is_refused(world: World) -> None:
    caller = world.caller()
    answer = caller.send(MODERN.request(caller.secret, "tasks/get", {"taskId": begin(caller)}))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32021
    assert answer.json()["error"]["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@pytest.mark.parametrize("mcp", ["box", "piped"])
def test_a_host_is_not_asked_by_a_task_for_what_it_did_not_declare(world: World, mcp: str) -> None:
    caller = world.caller()
    task = begin(caller, mcp)
    answer = ask(caller, "tasks/get", taskId=task, _meta={CAPABILITIES: EXTENSIONS})
    assert answer["error"]["data"] == {"requiredCapabilities": {"elicitation": {}}}
    assert not [
        each for each in world.events(session=caller.session_id) if each["action"].endswith(":question")
    ]


def test_no_other_principal_can_use_the_id(world: World) -> None:
    task, stranger = begin(world.caller()), world.caller()
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        assert ask(stranger, method, taskId=task, **META)["error"]["code"] == -32602


@pytest.mark.parametrize("task", ["", "task 1", "A" * 100, "é", "x" * 5000, 7, None, {}])
def test_an_id_that_was_not_given_is_refused(world: World, task: Any) -> None:
    assert ask(world.caller(), "tasks/get", taskId=task, **META)["error"]["code"] in (-32602, -32020)


def test_a_task_is_of_no_use_without_the_grant_of_its_tool(world: World) -> None:
    caller = world.caller()
    task = begin(caller)
    switch = world.ask(
        "POST", "kill-switches", {"scope": "tool", "target": "box.later", "reason": "r", "message": "stopped"}
    )
    try:
        assert "stopped" in ask(caller, "tasks/get", taskId=task, **META)["error"]["message"]
    finally:
        world.ask("POST", f"kill-switches/{switch['id']}/lift")
    assert "result" in ask(caller, "tasks/get", taskId=task, **META)


@pytest.mark.parametrize("method", ["x.y/other", "tasks/list", "tasks/result", "resources/unknown", ""])
def test_a_method_of_an_unknown_extension_is_refused_clearly(world: World, method: str) -> None:
    answer = world.caller()
    refused = answer.send(MODERN.request(answer.secret, method, META))
    assert refused.status_code == 404
    assert refused.json()["error"] == {"code": -32601, "message": f"Method not found: {method}"}
