"""Faults of a downstream: its callers get an answer, other callers are not affected, and the server keeps running."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, Face
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, assert_works, until
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE
from tests.well_formed import assert_well_formed

DOWNSTREAM_UNAVAILABLE, DOWNSTREAM_TIMEOUT = -31002, -31003
FINAL_OUTPUT = "fatal: /srv/mcp/a.py: password=hunter2hunter2 token ghp_0123456789abcdefghijABCDEFGHIJ012345"

ODD_REPLIES = {
    "null": '"result":null',
    "number": '"result":5',
    "list": '"result":[1,2]',
    "text": '"result":"text"',
    "empty": '"result":{}',
    "null_content": '"result":{"content":null}',
    "odd_content": '"result":{"content":5,"isError":"yes"}',
    "odd_flag": '"result":{"content":[],"isError":"true"}',
    "odd_type": '"result":{"content":[],"resultType":5}',
    "deep": '"result":{"content":[],"deep":' + "[" * 900 + "]" * 900 + "}",
    "huge_number": '"result":{"content":[],"n":1e999999,"m":' + "9" * 5000 + "}",
    "error_empty": '"error":{}',
    "error_text": '"error":"text"',
    "error_odd": '"error":{"code":"x","message":5}',
    "error_both": '"result":{"content":[]},"error":{"code":-1,"message":"both"}',
    "neither": '"x":1',
    "odd_structure": '"result":{"content":[],"structuredContent":[1],"_meta":null}',
    "asks_for_input": '"result":{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list"}}}',
    "asks_with_escapes": r'"result":{"resultTyp\u0065":"input\u005frequired","content":[],'
    r'"inputRequests":{"a":{"method":"elicitation/create","params":{"message":"Password?"}}}}',
    "error_code_as_text": '"error":{"code":"-5","message":"m"}',
    "id_as_text": '"result":{"content":[]},"id":"NUMBER"',
}
UNREADABLE_REPLIES = {
    "deeper": '"result":{"content":[],"deep":' + "[" * 20000 + "]" * 20000 + "}",
    "error_deep": '"error":{"code":-1,"message":"m","data":' + "[" * 20000 + "]" * 20000 + "}",
    "half_character": r'"result":{"content":[{"type":"text","text":"cut \ud83d"}]}',
}


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    world.publish_fixture("pipe")
    return world.caller()


@pytest.fixture(scope="module")
def unusual_mcp(world: World, directory: Path) -> Caller:
    replies = ODD_REPLIES | UNREADABLE_REPLIES
    script = {"tools": [tool(name) for name in replies], "replies": replies}
    world.publish("unusual", "stdio", options(directory, script), call_timeout_seconds=1)
    return world.caller()


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_invalid_output_besides_the_answer_is_ignored(caller: Caller, face: Face) -> None:
    response = caller.send(face.call(caller.secret, "pipe__garbage", {}))
    assert face.read(response.status_code, response.content).succeeded
    assert response.content.decode()
    assert caller.call(face, "pipe__echo", {"text": "still here"}).text == "still here"


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_child_that_exits_during_a_call_fails_it_at_once_and_is_restarted(
    world: World, caller: Caller, face: Face
) -> None:
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(caller.call, face, "pipe__slow", {"seconds": 600})
        until(
            lambda: attempts(world, "pipe.slow") > outcomes(world, "pipe.slow"), "the slow call is in flight"
        )
        crashed = caller.call(face, "pipe__crash", {})
        others = waiting.result(timeout=PATIENCE)
    for answer in (crashed, others):
        assert answer.failed
        assert "no answer within" not in answer.text
        assert "pipe" in answer.text
        assert_nothing_internal(json.dumps(answer.body))
    assert "pipe__echo" in caller.names(face), "the last known tools stay listed"
    until(lambda: caller.call(face, "pipe__echo", {"text": "back"}).succeeded, "the child is back")


def test_child_that_answers_no_call_in_a_row_is_replaced(world: World) -> None:
    world.publish("hung", "stdio", stdio_options(), call_timeout_seconds=1)
    caller = world.caller()
    first = caller.call(LEGACY, "hung__process").text.split()[0]
    for face in FACES:
        assert "no answer within" in caller.call(face, "hung__slow", {"seconds": 600}).text
    until(lambda: caller.call(LEGACY, "hung__process").succeeded, "another child serves the calls")
    assert caller.call(LEGACY, "hung__process").text.split()[0] != first
    states = [
        (event["outcome"], event["details"].get("error"))
        for event in world.events(action="system:downstream:state")
        if event["resource"]["name"] == "hung"
    ]
    assert ("failed", "answered none of the last 3 calls in time") in states, states


@pytest.fixture(scope="module")
def exiting_mcp(world: World, directory: Path) -> Caller:
    script = {"tools": [tool("die")], "final_output": {"die": FINAL_OUTPUT}}
    world.publish("exiting", "stdio", options(directory, script))
    return world.caller()


def last_answer(world: World, exiting_mcp: Caller, face: Face) -> str:
    until(lambda: world.ask("GET", "mcps/exiting")["state"] == "ready", "it runs again")
    answer = exiting_mcp.call(face, "exiting__die")
    assert answer.failed
    assert "exiting" in answer.text
    return json.dumps(answer.body)


def test_secret_in_the_final_output_of_a_child_is_masked(world: World, exiting_mcp: Caller) -> None:
    answer = last_answer(world, exiting_mcp, LEGACY)
    until(lambda: world.ask("GET", "mcps/exiting")["error"], "administrators read what happened")
    for shown in (answer, world.admin.get("/v1/admin/mcps/exiting").text, world.log_text()):
        assert "ghp_0123" not in shown
        assert "hunter2" not in shown


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_final_output_of_a_child_is_shown_only_to_administrators(
    world: World, exiting_mcp: Caller, face: Face
) -> None:
    assert "/srv/mcp" not in last_answer(world, exiting_mcp, face)


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_closed_connection_fails_only_its_own_call(caller: Caller, face: Face) -> None:
    answer = caller.call(face, "tools__hang_up")
    assert answer.failed
    assert_nothing_internal(json.dumps(answer.body))
    assert caller.call(face, "tools__echo", {"text": "on"}).text == "on"


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_error_of_a_downstream_is_forwarded_unchanged(caller: Caller, face: Face) -> None:
    answer = caller.call(face, "pipe__refuse")
    assert answer.status == 200
    assert answer.body["error"] == {"code": -32602, "message": "no", "data": {"big": 10**30}}


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_failed_tool_is_text_and_a_flag(caller: Caller, face: Face) -> None:
    answer = caller.call(face, "pipe__fail")
    assert (answer.status, answer.text, answer.failed) == (200, "it failed", True)


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize("reply", ODD_REPLIES)
def test_unusual_answer_becomes_a_valid_result(unusual_mcp: Caller, face: Face, reply: str) -> None:
    response = unusual_mcp.send(face.call(unusual_mcp.secret, f"unusual__{reply}", {}))
    assert response.status_code == 200, response.text[:300]
    assert_nothing_internal(response.text[:5000])
    if face in MCP_FACES:
        assert response.content.startswith(b'{"jsonrpc":"2.0","id":7,')
        # Python refuses to convert very long integers.
        body = json.loads(response.content, parse_int=lambda digits: int(digits[:20]))
        assert_well_formed(body, host=face is MODERN)
    else:
        assert response.json()["result"] is not None


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize("reply", ["asks_for_input", "asks_with_escapes"])
def test_a_question_of_another_era_never_reaches_the_host(
    unusual_mcp: Caller, face: Face, reply: str
) -> None:
    answer = unusual_mcp.call(face, f"unusual__{reply}")
    assert answer.code == DOWNSTREAM_UNAVAILABLE
    assert "Password" not in answer.text


@pytest.mark.parametrize("reply", UNREADABLE_REPLIES)
def test_invalid_answer_fails_the_call_at_once(unusual_mcp: Caller, reply: str) -> None:
    answer = unusual_mcp.call(LEGACY, f"unusual__{reply}")
    assert answer.code != DOWNSTREAM_TIMEOUT


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize("depth", [100, 500, 900, 20000])
def test_deep_arguments_are_accepted_or_refused_without_a_failure(
    world: World, caller: Caller, face: Face, depth: int
) -> None:
    wire = face.call(caller.secret, "tools__refuse", {"deep": "DEEP"})
    body = wire.body.replace(b'"DEEP"', b"[" * depth + b"]" * depth)
    response = caller.send(replace(wire, body=body))
    assert response.status_code in (200, 400), response.text
    assert_nothing_internal(response.text)
    assert "unhandled" not in world.log_text()


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_result_of_twenty_megabytes_arrives_whole(caller: Caller, face: Face) -> None:
    answer = caller.call(face, "tools__big", {"megabytes": 20})
    assert answer.succeeded
    assert len(answer.text) == 20 * 1024 * 1024


def test_call_past_its_deadline_fails_without_delaying_others(world: World, tools: Downstream) -> None:
    world.publish("hasty", "streamable_http", {"url": tools.url}, call_timeout_seconds=0.5)
    caller = world.caller()
    for face in FACES:
        with ThreadPoolExecutor() as threads:
            slow = threads.submit(caller.call, face, "hasty__slow", {"seconds": 600})
            assert caller.call(face, "hasty__echo", {"text": "quick"}).text == "quick"
            assert caller.call(face, "tools__echo", {"text": "quick"}).text == "quick"
            answer = slow.result(timeout=PATIENCE)
        assert answer.failed
        assert "no answer within 0.5 s" in answer.text
        assert answer.code in (None, DOWNSTREAM_TIMEOUT)


@pytest.mark.parametrize(
    ("name", "transport", "entry", "words"),
    [
        (
            "no-command",
            "stdio",
            {"command": "no-such-program-anywhere"},
            "'no-such-program-anywhere' not found",
        ),
        ("no-path", "stdio", {"command": "/no/such/program"}, "'/no/such/program' not found"),
        ("a-directory", "stdio", {"command": "/etc"}, "may not be executed"),
        ("no-cwd", "stdio", {"command": "cat", "cwd": "/no/such/place"}, "'/no/such/place' does not exist"),
        (
            "leaves",
            "stdio",
            {"command": [sys.executable, "-c", "import sys; sys.exit('no licence')"]},
            "no licence",
        ),
        ("parrot", "stdio", {"command": "cat"}, "refused the handshake"),
        (
            "prints",
            "stdio",
            {"command": [sys.executable, "-c", "print('Listening on 1234')"]},
            "exited with status 0",
        ),
        ("no-port", "streamable_http", {"url": "http://127.0.0.1:1/mcp"}, "cannot connect to 127.0.0.1:1"),
        (
            "no-secret",
            "stdio",
            {"command": "cat", "env": {"TOKEN": "env://NOT_SET_ANYWHERE"}},
            "NOT_SET_ANYWHERE",
        ),
    ],
)
def test_unreachable_mcp_is_not_published_and_the_error_names_the_cause(
    world: World, caller: Caller, name: str, transport: str, entry: dict[str, Any], words: str
) -> None:
    world.offer(name, transport, entry)
    world.ask("POST", "grants", {"group": "developers", "mcp": name})
    refused = world.rig.admin("mcp", "publish", name, expect=7) if name == "no-command" else None
    if refused is not None:
        assert words in refused.stderr
        assert "Traceback" not in refused.stderr
    answer = world.admin.post(f"/v1/admin/mcps/{name}/publish")
    assert answer.status_code == 502
    assert words in answer.json()["message"]
    assert world.ask("GET", f"mcps/{name}")["status"] == "draft"
    assert not [listed for listed in caller.names(LEGACY) if listed.startswith(name)]
    assert_works(caller)


def test_url_of_another_service_is_not_published(world: World) -> None:
    world.offer("ourselves", "streamable_http", {"url": f"{world.rig.client_url}/mcp"})
    answer = world.admin.post("/v1/admin/mcps/ourselves/publish")
    assert answer.status_code == 502
    assert "credentials" in answer.json()["message"]


def test_call_of_a_stopped_downstream_fails_quickly_and_is_reported(world: World, directory: Path) -> None:
    gone = directory / "gone.py"
    gone.write_text((Path(__file__).parent / "scripted_server.py").read_text())
    entry = options(directory, {"tools": [tool("die")], "final_output": {"die": "bye"}})
    world.publish("gone", "stdio", {"command": [entry["command"][0], str(gone), entry["command"][2]]})
    caller = world.caller()
    gone.unlink()
    assert caller.call(LEGACY, "gone__die").failed
    until(lambda: world.ask("GET", "mcps/gone")["state"] == "degraded", "it is reported")
    for face in FACES:
        answer = caller.call(face, "gone__die")
        assert answer.failed
        assert "no answer within" not in answer.text
        assert_nothing_internal(json.dumps(answer.body))
        assert "gone__die" in caller.names(face)
    assert_works(caller)


@pytest.mark.parametrize("cursor", ['""', '"again"', "7"])
def test_list_that_never_ends_keeps_its_tools_and_warns(world: World, directory: Path, cursor: str) -> None:
    name = world.fresh("endless")
    world.publish(name, "stdio", options(directory, {"tools": [tool("kept")], "raw_cursor": [cursor]}))
    assert world.caller().call(LEGACY, f"{name}__kept").succeeded
    assert "cursor" in " ".join(world.ask("GET", f"mcps/{name}")["warnings"])
    assert "cursor" in world.rig.admin("mcp", "show", name).stderr


def attempts(world: World, resource: str) -> int:
    return len(world.events(resource=resource, action="call:tool:attempt"))


def outcomes(world: World, resource: str) -> int:
    return len(world.events(resource=resource, action="call:tool:outcome"))
