"""Invalid requests are refused with a clear answer that discloses nothing internal, and no call runs."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, MODERN, REST, Face, Mcp, Wire
from tests.end_to_end.raw_http import exchange, head
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, assert_works

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
LIMIT = 65536

MALFORMED = {
    "empty": b"",
    "blank": b" \r\n ",
    "cut": b'{"jsonrpc":"2.0","id":7,"method":"tools/call"',
    "text": b"tools/call",
    "two": b'{"jsonrpc":"2.0","id":7,"method":"ping"}{"jsonrpc":"2.0","id":8,"method":"ping"}',
    "not_utf8": b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\xff\xfe"}}',
    "utf16": '{"jsonrpc":"2.0","id":7,"method":"ping"}'.encode("utf-16"),
    "nul": b"\x00" * 50,
    "deep": b'{"jsonrpc":"2.0","id":7,"method":"ping","params":{"x":' + b"[" * 60000,
    "deep_object": b'{"a":' * 10000,
    "comment": b'{"jsonrpc":"2.0"} // ping',
    "single_quotes": b"{'jsonrpc':'2.0'}",
}
NO_REQUESTS: dict[str, Any] = {
    "batch": [{"jsonrpc": "2.0", "id": 7, "method": "ping"}],
    "empty_batch": [],
    "string": "ping",
    "number": 5,
    "null": None,
    "no_version": {"id": 7, "method": "ping"},
    "old_version": {"jsonrpc": "1.0", "id": 7, "method": "ping"},
    "no_method": {"jsonrpc": "2.0", "id": 7},
    "method_number": {"jsonrpc": "2.0", "id": 7, "method": 5},
    "response": {"jsonrpc": "2.0", "id": 7, "result": {}},
    "error_response": {"jsonrpc": "2.0", "id": 7, "error": {"code": -1, "message": "x"}},
    "both": {"jsonrpc": "2.0", "id": 7, "method": "ping", "result": {}},
    "null_id": {"jsonrpc": "2.0", "id": None, "method": "ping"},
    "fraction_id": {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
    "list_id": {"jsonrpc": "2.0", "id": [7], "method": "ping"},
    "true_id": {"jsonrpc": "2.0", "id": True, "method": "ping"},
}
NOT_OBJECTS: list[Any] = [None, [], ["text"], "text", 5, True]


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@pytest.fixture(autouse=True)
def _no_call_arrives(tools: Downstream) -> Iterator[None]:
    before = tools.count()
    yield
    assert all(call["arguments"] == {"text": "hello"} for call in tools.calls()[before:])


def post(caller: Caller, face: Face, body: bytes, **headers: str) -> httpx.Response:
    wire = face.call(caller.secret, "tools__echo", {})
    return caller.send(Wire("POST", wire.path, {**wire.headers, **headers}, body))


def assert_rpc_error(response: httpx.Response, status: int, code: int, number: Any = None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert (body["jsonrpc"], body["id"], body["error"]["code"]) == ("2.0", number, code), body
    assert_nothing_internal(response.text)


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["error"]
    assert body["message"]
    assert body["code"].startswith("AMB-")
    assert body["request_id"] == response.headers["X-Request-Id"]
    assert_nothing_internal(response.text)
    return body


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_a_parse_error(caller: Caller, era: Mcp, body: bytes) -> None:
    assert_rpc_error(post(caller, era, body), 400, PARSE_ERROR)


@pytest.mark.parametrize("path", ["/v1/tools/invoke", "/v1/sessions/register"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_a_problem_on_rest(caller: Caller, path: str, body: bytes) -> None:
    if path.endswith("register"):
        body = body[:4096]
    wire = REST.call(caller.secret, "tools__echo", {})
    assert_problem(caller.send(Wire("POST", path, wire.headers, body)), 400)


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
@pytest.mark.parametrize("message", NO_REQUESTS.values(), ids=NO_REQUESTS)
def test_invalid_request_is_refused(caller: Caller, era: Mcp, message: Any) -> None:
    assert_rpc_error(post(caller, era, json.dumps(message).encode()), 400, INVALID_REQUEST)


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_body_over_the_limit_is_refused(world: World, caller: Caller, face: Face, chunked: bool) -> None:
    wire = face.call(caller.secret, "tools__echo", {"text": "x" * LIMIT})
    body: Any = iter([wire.body]) if chunked else wire.body
    refused = caller.http.request("POST", wire.path, headers=wire.headers, content=body)
    assert_problem(refused, 413)
    assert_works(world.caller())


def test_registration_over_its_limit_is_refused(world: World) -> None:
    fits = world.register("amb_pk_" + "x" * 48, padding="x" * 3500)
    assert_problem(fits, 401)
    assert_problem(world.register("amb_pk_" + "x" * 48, padding="x" * 4096), 413)


def test_registration_body_is_not_read_beyond_its_limit(world: World) -> None:
    """The caller is not authenticated yet, so it must not fill the memory."""
    headers = {"Content-Type": "application/json", "Content-Length": "60000"}
    answer = exchange(world.rig.ports["port"], head("POST", "/v1/sessions/register", headers), b" " * 5000)
    assert answer.status == 413
    assert_nothing_internal(answer.body)


def test_endless_registration_body_ends_in_an_error(world: World) -> None:
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    piece = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = exchange(world.rig.ports["port"], head("POST", "/v1/sessions/register", headers), piece * 2)
    assert answer.status == 413


def test_unauthenticated_body_is_not_awaited(world: World) -> None:
    for path in ("/mcp", "/v1/tools/invoke"):
        headers = {"Content-Type": "application/json", "Content-Length": "60000"}
        assert exchange(world.rig.ports["port"], head("POST", path, headers)).status == 401


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_other_content_type_is_refused(caller: Caller, era: Mcp, kind: str) -> None:
    body = era.call(caller.secret, "tools__echo", {}).body
    assert_rpc_error(post(caller, era, body, **{"Content-Type": kind}), 415, INVALID_REQUEST)


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml"])
def test_other_content_type_is_refused_on_rest(caller: Caller, world: World, kind: str) -> None:
    body = REST.call(caller.secret, "tools__echo", {}).body
    assert_problem(post(caller, REST, body, **{"Content-Type": kind}), 415)
    registration = caller.http.post("/v1/sessions/register", content=b"{}", headers={"Content-Type": kind})
    assert_problem(registration, 415)
    assert_problem(world.admin.post("/v1/admin/users", content=b"{}", headers={"Content-Type": kind}), 415)


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html", ""])
def test_accept_header_without_both_media_types_is_refused(caller: Caller, era: Mcp, accept: str) -> None:
    body = era.call(caller.secret, "tools__echo", {}).body
    assert_rpc_error(post(caller, era, body, Accept=accept), 406, INVALID_REQUEST)


@pytest.mark.parametrize(
    "method", ["tools/nothing", "initialise", "", "x" * 5000, "tools/call ", "../mcp", "é"]
)
def test_unknown_legacy_method_is_an_error_in_the_body(caller: Caller, method: str) -> None:
    assert_rpc_error(caller.send(LEGACY.request(caller.secret, method, {})), 200, METHOD_NOT_FOUND, 7)


@pytest.mark.parametrize("method", ["tools/nothing", "initialise", "", "x" * 5000, "../mcp"])
def test_unknown_modern_method_is_not_found(caller: Caller, method: str) -> None:
    assert_rpc_error(caller.send(MODERN.request(caller.secret, method, {})), 404, METHOD_NOT_FOUND, 7)


def test_methods_of_one_era_are_unknown_in_the_other(caller: Caller) -> None:
    assert_rpc_error(
        caller.send(LEGACY.request(caller.secret, "server/discover", {})), 200, METHOD_NOT_FOUND, 7
    )
    for method in ("initialize", "ping"):
        assert_rpc_error(caller.send(MODERN.request(caller.secret, method, {})), 404, METHOD_NOT_FOUND, 7)


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
def test_notification_is_accepted_and_runs_nothing(caller: Caller, era: Mcp) -> None:
    wire = era.call(caller.secret, "tools__echo", {"text": "x"})
    message = {name: value for name, value in json.loads(wire.body).items() if name != "id"}
    answer = post(caller, era, json.dumps(message).encode())
    assert (answer.status_code, answer.content) == (202, b"")


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize(
    "name", ["tools__nothing", "nothing", "tools.", ".", "x" * 5000, "tools__echo ", "ECHO", "\u202e"]
)
def test_unknown_tool_is_refused_and_recorded(world: World, caller: Caller, face: Face, name: str) -> None:
    answer = caller.call(face, name)
    assert answer.failed
    assert "Unknown tool" in answer.text
    assert answer.code in (None, INVALID_PARAMS)
    assert_nothing_internal(json.dumps(answer.body))
    newest = world.events(action="call:tool:deny")[0]
    assert (newest["reason"], newest["resource"]["name"]) == ("unknown_tool", name[:256])


@pytest.mark.parametrize("era", MCP_FACES, ids=repr)
@pytest.mark.parametrize("arguments", NOT_OBJECTS, ids=repr)
def test_arguments_that_are_not_an_object_are_refused(caller: Caller, era: Mcp, arguments: Any) -> None:
    wire = era.request(caller.secret, "tools/call", {"name": "tools__echo", "arguments": arguments})
    assert_rpc_error(caller.send(wire), 200, INVALID_PARAMS, 7)


@pytest.mark.parametrize("name", [None, [], {}, 5, True])
def test_name_that_is_not_a_string_is_refused(caller: Caller, name: Any) -> None:
    assert_rpc_error(caller.send(LEGACY.call(caller.secret, name, {})), 200, INVALID_PARAMS, 7)
    answer = caller.send(MODERN.call(caller.secret, name, {}))
    assert answer.status_code in (200, 400)
    assert "error" in answer.json()
    assert_problem(caller.send(REST.call(caller.secret, name, {})), 400)


@pytest.mark.parametrize("params", NOT_OBJECTS, ids=repr)
def test_params_that_are_not_an_object_are_refused(caller: Caller, params: Any) -> None:
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    assert_rpc_error(post(caller, LEGACY, json.dumps(message).encode()), 400, INVALID_PARAMS, None)


@pytest.mark.parametrize("meta", NOT_OBJECTS, ids=repr)
def test_meta_that_is_not_an_object_is_refused(caller: Caller, meta: Any) -> None:
    wire = LEGACY.request(
        caller.secret, "tools/call", {"name": "tools__echo", "arguments": {}, "_meta": meta}
    )
    assert_rpc_error(caller.send(wire), 200, INVALID_PARAMS, 7)


@pytest.mark.parametrize("arguments", NOT_OBJECTS, ids=repr)
def test_rest_arguments_that_are_not_an_object_are_refused(caller: Caller, arguments: Any) -> None:
    body = assert_problem(caller.send(REST.call(caller.secret, "tools__echo", arguments)), 400)
    assert "arguments" in body["message"]


@pytest.mark.parametrize(
    "body", [{}, {"tool": "tools__echo"}, {"arguments": {}}, {"tool": "", "arguments": {}}, [], 5]
)
def test_rest_call_without_its_fields_is_refused(caller: Caller, body: Any) -> None:
    assert_problem(post(caller, REST, json.dumps(body).encode()), 400)
