"""Batches of 2025-03-26 on `/mcp`: each message takes the same path, and the answers are one array."""

import json
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import LEGACY, MODERN
from tests.end_to_end.legacy_host import begin, messages
from tests.end_to_end.world import Caller, Downstream, World, until


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


def call(number: Any, tool: str = "tools__echo", **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def send(caller: Caller, body: bytes, version: str | None = "2025-03-26") -> httpx.Response:
    headers = LEGACY.headers(caller.secret, "", {})
    del headers["MCP-Protocol-Version"]
    if version is not None:
        headers["MCP-Protocol-Version"] = version
    return caller.http.post("/mcp", content=body, headers=headers)


def batch(caller: Caller, *parts: Any, version: str | None = "2025-03-26") -> httpx.Response:
    return send(caller, json.dumps(parts).encode(), version)


@pytest.mark.parametrize("version", [None, "2025-03-26"])
def test_requests_of_a_batch_are_answered_in_order(
    world: World, caller: Caller, tools: Downstream, version: str | None
) -> None:
    before = tools.count()
    answer = batch(
        caller,
        call("a", text="1"),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 10**20, "method": "ping"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/list"},
        call(4, "tools__no_such_tool"),
        call(5, text="2"),
        version=version,
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    answers = answer.json()
    assert [each["id"] for each in answers] == ["a", 10**20, 3, 4, 5]
    assert [each["result"]["content"][0]["text"] for each in (answers[0], answers[4])] == ["1", "2"]
    assert answers[1]["result"] == {}
    assert "tools__echo" in [tool["name"] for tool in answers[2]["result"]["tools"]]
    assert "error" in answers[3]
    assert tools.count() == before + 2
    request = answer.headers["x-request-id"]
    recorded = until(
        lambda: each if len(each := world.events(request_id=request)) > 4 else None, "each call is recorded"
    )
    assert sorted(each["outcome"] for each in recorded) == ["denied", *["permitted"] * 2, *["succeeded"] * 2]


def test_messages_that_are_none_get_errors_in_their_places(caller: Caller) -> None:
    answer = batch(
        caller,
        5,
        call(1, text="x"),
        [],
        {"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}},
        {"jsonrpc": "2.0", "id": 3, "result": {}},
        None,
    )
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
    assert [each["id"] for each in answer.json()] == [None, 1, None, 2, None, None]
    assert [each.get("error", {}).get("code") for each in answer.json()] == [
        *(-32600, None, -32600, -32600, -32600, -32600)
    ]


def test_a_batch_without_requests_gets_no_answer(caller: Caller) -> None:
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    accepted = batch(caller, notice, notice)
    assert (accepted.status_code, accepted.content) == (202, b"")
    refused = batch(caller, notice, {"jsonrpc": "2.0", "id": "never-asked", "result": {}})
    assert refused.status_code == 400
    assert [each["error"]["code"] for each in refused.json()] == [-32600]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", -32600),
        (b" \r\n[ ]", -32600),
        (json.dumps([call(1)] * 101).encode(), -32600),
        (b"[" + b"0," * 20_000 + b"0]", -32600),
        (b"[" * 60_000, -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}', -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"},]', -32700),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}] 1', -32700),
    ],
)
def test_a_malformed_batch_is_refused_as_a_whole(
    caller: Caller, tools: Downstream, body: bytes, code: int
) -> None:
    before = tools.count()
    refused = send(caller, body)
    assert refused.status_code == 400
    assert (refused.json()["id"], refused.json()["error"]["code"]) == (None, code)
    assert tools.count() == before


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "nonsense"])
def test_other_revisions_have_no_batches(caller: Caller, tools: Downstream, version: str) -> None:
    before = tools.count()
    refused = batch(caller, call(1), version=version)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32600)
    assert tools.count() == before


def test_progress_of_a_batch_comes_before_its_answers(caller: Caller) -> None:
    params = {"name": "tools__progress", "arguments": {"steps": 2}, "_meta": {"progressToken": "t"}}
    progress = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = batch(caller, progress, call(2, text="x"))
    assert answer.headers["content-type"] == "text/event-stream"
    *told, last = messages(answer)
    assert [each["params"]["progress"] for each in told] == [1, 2]
    assert [each["id"] for each in last] == [1, 2]


def test_the_stream_of_a_batch_cannot_be_resumed(caller: Caller) -> None:
    host = begin(caller, {})
    params = {"name": "tools__progress", "arguments": {"steps": 2}, "_meta": {"progressToken": "t"}}
    progress = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {**host.headers(), "MCP-Protocol-Version": "2025-03-26"}
    answer = caller.http.post("/mcp", json=[progress, call(2, text="x")], headers=headers)
    assert answer.headers["content-type"] == "text/event-stream"
    assert "\nid:" not in f"\n{answer.text}", "its answers are one event, so no part can be sent again"
    *told, last = messages(answer)
    assert [each["params"]["progress"] for each in told] == [1, 2]
    assert [each["id"] for each in last] == [1, 2]


def test_a_modern_message_in_a_batch_is_refused(caller: Caller) -> None:
    wire = MODERN.call(caller.secret, "tools__echo", {"text": "x"})
    (refused,) = batch(caller, json.loads(wire.body)).json()
    assert refused["error"]["code"] == -32020
