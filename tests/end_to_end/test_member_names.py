"""A second spelling of what names a capability or its arguments reaches no downstream, on every way in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import scripted_server
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, Mcp
from tests.end_to_end.world import Caller, Downstream, World

INVALID_PARAMS = -32602
SECOND_SPELLINGS = (
    '"Name":"evil"',
    '"NAME":"evil"',
    '"na\\u006de":"tools__echo"',
    '"name\\u0000":"evil"',
    '"Arguments":{"text":"evil"}',
    '"arguments":{"text":"evil"}',
    '"request_state":"x"',
    '"RequestState":"x"',
    '"meta":{}',
    '"_Meta":{"progressToken":1}',
)


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@pytest.fixture(autouse=True)
def _no_call_arrives(tools: Downstream) -> Iterator[None]:
    before = tools.count()
    yield
    assert tools.count() == before


def send(caller: Caller, face: Mcp, method: str, params: dict[str, Any], more: str, *, first: bool) -> Any:
    """Send a request with one more member in its params."""
    wire = face.request(caller.secret, method, params)
    head, _, rest = wire.body.partition(b'"params": {')
    members = rest[:-2]
    added = more.encode()
    members = added + b"," + members if first else members + b"," + added
    body = head + b'"params": {' + members + b"}}"
    return caller.http.request(wire.method, wire.path, headers=wire.headers, content=body)


@pytest.mark.parametrize("more", SECOND_SPELLINGS)
@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_call_with_a_second_spelling_is_refused(caller: Caller, face: Mcp, more: str) -> None:
    params = {"name": "tools__echo", "arguments": {"text": "hello"}}
    for first in (True, False):
        answer = send(caller, face, "tools/call", params, more, first=first)
        error = answer.json()["error"]
        assert (answer.status_code, answer.json()["id"], error["code"]) == (200, 7, INVALID_PARAMS), (
            answer.text
        )
        assert error["message"].startswith("params has '"), error


@pytest.mark.parametrize(
    ("method", "params", "more"),
    [
        ("prompts/get", {"name": "tools__greet"}, '"Name":"evil"'),
        ("resources/read", {"uri": "memo://hello"}, '"URI":"file:///etc/passwd"'),
        ("resources/read", {"uri": "memo://hello"}, '"ur\\u0069":"file:///etc/passwd"'),
        ("completion/complete", {"argument": {"name": "a", "value": ""}}, '"REF":{}'),
        ("tasks/get", {"taskId": "x"}, '"task_id":"y"'),
    ],
)
def test_other_methods_are_refused_alike(caller: Caller, method: str, params: Any, more: str) -> None:
    answer = send(caller, MODERN, method, params, more, first=False).json()
    assert answer["error"]["code"] == INVALID_PARAMS, answer
    assert answer["error"]["message"].startswith("params has '"), answer


@pytest.mark.parametrize(
    "reference",
    [
        '{"type":"ref/prompt","name":"tools__greet","Name":"evil"}',
        '{"type":"ref/prompt","Type":"ref/resource","name":"tools__greet"}',
        '{"type":"ref/prompt","name":"tools__greet","uri":"memo://hello"}',
        '{"type":"ref/prompt","name":"evil","name":"tools__greet"}',
    ],
)
def test_reference_with_two_readings_is_refused(caller: Caller, reference: str) -> None:
    params = {"argument": {"name": "a", "value": ""}}
    answer = send(caller, LEGACY, "completion/complete", params, f'"ref":{reference}', first=False).json()
    assert answer["error"]["code"] == INVALID_PARAMS, answer
    assert answer["error"]["message"].startswith("params.ref has "), answer


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_progress_token_in_another_spelling_is_refused(caller: Caller, face: Mcp) -> None:
    for name in ("ProgressToken", "progress_token", "io.modelcontextprotocol/LogLevel"):
        params = {"name": "tools__echo", "arguments": {"text": "hello"}, "_meta": {name: 1}}
        wire = face.request(caller.secret, "tools/call", params)
        answer = face.read(*_sent(caller, wire))
        assert answer.code == INVALID_PARAMS
        assert answer.text.startswith(f"params._meta has '{name}'"), answer


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
def test_message_with_two_readings_is_refused(caller: Caller, face: Mcp) -> None:
    wire = face.call(caller.secret, "tools__echo", {"text": "hello"})
    for more in (b'"params":{"name":"evil"},', b'"Params":{"name":"evil"},', b'"Method":"prompts/get",'):
        body = wire.body.replace(b'"params"', more + b'"params"')
        answer = caller.http.post("/mcp", headers=wire.headers, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600), answer.text
        assert answer.json()["error"]["message"].startswith("The message has '")


def test_batch_refuses_the_one_message_alone(caller: Caller) -> None:
    wire = LEGACY.call(caller.secret, "tools__echo", {"text": "hello"})
    unclear = wire.body.replace(b'"name"', b'"Name": "evil", "name"')
    body = b'[{"jsonrpc":"2.0","id":1,"method":"ping"},%b]' % unclear
    headers = {**wire.headers, "MCP-Protocol-Version": "2025-03-26"}
    ping, refused = caller.http.post("/mcp", headers=headers, content=body).json()
    assert ping["result"] == {}
    assert (refused["id"], refused["error"]["code"]) == (7, INVALID_PARAMS)


@pytest.mark.parametrize(
    "body",
    [
        '{"tool":"tools__echo","Tool":"evil","arguments":{}}',
        '{"tool":"evil","tool":"tools__echo","arguments":{}}',
        '{"tool":"tools__echo","arguments":{},"ARGUMENTS":{"text":"evil"}}',
        '{"tool":"tools__echo","arguments":{}, "arguments":{"text":"evil"}}',
    ],
)
def test_invocation_with_two_readings_is_refused(caller: Caller, body: str) -> None:
    headers = {"X-Session-Token": caller.secret, "Content-Type": "application/json"}
    answer = caller.http.post("/v1/tools/invoke", headers=headers, content=body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("The body has '"), answer.text


def test_client_relays_the_refusal(world: World) -> None:
    person = world.person("developers")
    call = {"name": "tools__echo", "arguments": {"text": "hello"}}
    line = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call})
    line = line.replace('"name"', '"Name": "evil", "name"')
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    first = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin})
    done = world.rig.run(
        "ambassador-client", "proxy", env=world.rig.client_environment(person.key), stdin=f"{first}\n{line}\n"
    )
    answers = {each["id"]: each for each in map(json.loads, done.stdout.splitlines()) if "id" in each}
    assert answers[7]["error"]["code"] == INVALID_PARAMS
    assert "'Name', which some programs read as 'name'" in answers[7]["error"]["message"]


def test_tool_with_a_second_spelling_of_its_name_is_left_out(world: World, directory: Path) -> None:
    raw = [
        '{"name":"plain","title":"Name","inputSchema":{"type":"object","properties":{"Name":{}}}}',
        '{"name":"spelt","Name":"tools__echo","inputSchema":{"type":"object"}}',
        '{"Name":"tools__echo","name":"first","inputSchema":{"type":"object"}}',
    ]
    name = world.fresh("spelling")
    world.publish(name, "stdio", scripted_server.options(directory, {"tools": [], "raw_tools": raw}))
    found = world.caller()
    for face in FACES:
        assert [each for each in found.names(face) if each.startswith(name)] == [f"{name}__plain"]
    left_out = {each["name"]: each["reason"] for each in world.ask("GET", f"mcps/{name}")["left_out"]}
    words = "its definition has 'Name', which some programs read as 'name'"
    assert left_out == {"spelt": words, "first": words}


def _sent(caller: Caller, wire: Any) -> tuple[int, bytes]:
    answer = caller.send(wire)
    return answer.status_code, answer.content
