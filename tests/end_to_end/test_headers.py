"""The headers of a request are checked before it is served; no refused call runs."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import LEGACY, META, MODERN, MODERN_VERSION, Mcp, Wire
from tests.end_to_end.scripted_server import options
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal

HEADER_MISMATCH, UNSUPPORTED_VERSION, INVALID_PARAMS = -32020, -32022, -32602
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@pytest.fixture
def _no_call_arrives(tools: Downstream) -> Iterator[None]:
    before = tools.count()
    yield
    assert tools.count() == before


def send(
    caller: Caller,
    *,
    headers: dict[str, str | None] | None = None,
    meta: Any = None,
    tool: str = "tools__echo",
) -> httpx.Response:
    """Send a modern call with these headers changed (None removes one) and this `_meta`."""
    wire = MODERN.call(caller.secret, tool, {"text": "x"})
    sent = {name: value for name, value in {**wire.headers, **(headers or {})}.items() if value is not None}
    message = json.loads(wire.body)
    if meta is not None:
        message["params"]["_meta"] = meta
    return caller.http.post("/mcp", headers=sent, content=json.dumps(message).encode())


def assert_error(response: httpx.Response, status: int, code: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert_nothing_internal(response.text)
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code, error
    return error


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize(
    "headers",
    [
        {"Mcp-Method": None},
        {"Mcp-Method": "tools/list"},
        {"Mcp-Method": "TOOLS/CALL"},
        {"Mcp-Name": None},
        {"Mcp-Name": "tools__fail"},
        {"Mcp-Name": "TOOLS__ECHO"},
        {"Mcp-Name": "=?base64?dG9vbHNfX2VjaG8?="},  # padding is missing
        {"Mcp-Name": "=?BASE64?dG9vbHNfX2VjaG8=?="},
        {"Mcp-Name": "=?base64?not base64!?="},
        {"MCP-Protocol-Version": "2026-07-29"},
    ],
    ids=str,
)
def test_header_that_contradicts_the_body_is_refused(caller: Caller, headers: dict[str, str | None]) -> None:
    assert_error(send(caller, headers=headers), 400, HEADER_MISMATCH)


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize("name", ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"])
def test_repeated_routing_header_is_refused(caller: Caller, name: str) -> None:
    wire = MODERN.call(caller.secret, "tools__echo", {"text": "x"})
    repeated = [*wire.headers.items(), (name, wire.headers[name])]
    assert_error(caller.http.post("/mcp", headers=repeated, content=wire.body), 400, HEADER_MISMATCH)


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize(
    "meta",
    [
        {},
        {VERSION_KEY: MODERN_VERSION},
        {CAPABILITIES_KEY: {}},
        {VERSION_KEY: 20260728, CAPABILITIES_KEY: {}},
        {VERSION_KEY: MODERN_VERSION, CAPABILITIES_KEY: None},
        {VERSION_KEY: MODERN_VERSION, CAPABILITIES_KEY: []},
        [],
        "text",
        5,
    ],
    ids=str,
)
def test_missing_or_mistyped_meta_is_refused(caller: Caller, meta: Any) -> None:
    assert_error(send(caller, meta=meta), 400, INVALID_PARAMS)


@pytest.mark.usefixtures("_no_call_arrives")
def test_unsupported_version_gets_the_supported_ones(caller: Caller) -> None:
    version = "2099-01-01"
    meta = {**META, VERSION_KEY: version}
    answer = send(caller, headers={"MCP-Protocol-Version": version}, meta=meta)
    error = assert_error(answer, 400, UNSUPPORTED_VERSION)
    assert error["data"] == {"supported": [MODERN_VERSION], "requested": version}


@pytest.fixture(scope="module")
def mirroring(world: World, directory: Path) -> Wire:
    """Publish a tool whose argument must be mirrored in a header; return a function that calls it."""
    schema = {"type": "object", "properties": {"city": {"type": "string", "x-mcp-header": "City"}}}
    script = {"tools": [{"name": "forecast", "inputSchema": schema}]}
    world.publish("weather", "stdio", options(directory, script))
    return MODERN.call(world.caller().secret, "weather__forecast", {"city": "paris"})


@pytest.mark.parametrize("mirrored", ["paris", "=?base64?cGFyaXM=?="])
def test_mirrored_argument_equal_to_the_body_is_accepted(
    caller: Caller, mirroring: Wire, mirrored: str
) -> None:
    more = {"Mcp-Param-City": mirrored, "Mcp-Param-Unknown": "ignored"}
    assert caller.send(replace(mirroring, headers={**mirroring.headers, **more})).status_code == 200


@pytest.mark.parametrize("mirrored", [None, "berlin", "PARIS", "=?base64?cGFyaXM?=", ""])
def test_mirrored_argument_that_contradicts_the_body_is_refused(
    caller: Caller, mirroring: Wire, mirrored: str | None
) -> None:
    more = {} if mirrored is None else {"Mcp-Param-City": mirrored}
    refused = caller.send(replace(mirroring, headers={**mirroring.headers, **more}))
    assert_error(refused, 400, HEADER_MISMATCH)


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-11-25"])
def test_modern_body_is_never_served_as_legacy(caller: Caller, version: str | None) -> None:
    answer = send(caller, headers={"MCP-Protocol-Version": version})
    assert answer.status_code == 400, answer.text
    assert "error" in answer.json()


def test_header_names_in_any_case_and_encoded_values_are_accepted(caller: Caller) -> None:
    wire = MODERN.call(caller.secret, "tools__echo", {"text": "x"})
    wrapped = base64.b64encode(b"tools__echo").decode()
    headers = {name.upper(): value for name, value in wire.headers.items()} | {
        "MCP-NAME": f"=?base64?{wrapped}?="
    }
    answer = caller.http.post("/mcp", headers=headers, content=wire.body)
    assert answer.status_code == 200
    assert answer.json()["result"]["content"][0]["text"] == "x"


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize("era", [LEGACY, MODERN], ids=repr)
@pytest.mark.parametrize("path", ["/mcp", "/v1/tools/invoke"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8443", "", "[::2]", "@"]
)
def test_host_of_another_server_is_misdirected(caller: Caller, host: str, path: str, era: Any) -> None:
    wire = era.call(caller.secret, "tools__echo", {})
    refused = caller.http.post(path, headers={**wire.headers, "Host": host}, content=wire.body)
    assert refused.status_code == 421
    assert_nothing_internal(refused.text)


@pytest.mark.usefixtures("_no_call_arrives")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://127.0.0.1.evil.example",
        "file://",
        "chrome-extension://127.0.0.1",
        "http://[::1",
        "localhost",
    ],
)
@pytest.mark.parametrize("path", ["/mcp", "/v1/tools/invoke", "/v1/sessions/register"])
def test_page_of_another_site_is_refused(caller: Caller, path: str, origin: str) -> None:
    wire = LEGACY.call(caller.secret, "tools__echo", {})
    refused = caller.http.post(path, headers={**wire.headers, "Origin": origin}, content=wire.body)
    assert refused.status_code == 403, refused.text
    assert_nothing_internal(refused.text)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9999", "[::1]:8443"])
def test_own_names_are_accepted_with_any_port(caller: Caller, host: str) -> None:
    wire = LEGACY.call(caller.secret, "tools__echo", {"text": "x"})
    headers = {**wire.headers, "Host": host, "Origin": "http://localhost:3000"}
    assert caller.http.post("/mcp", headers=headers, content=wire.body).status_code == 200


@pytest.mark.parametrize(
    "header", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_admin_port_checks_host_and_origin_too(world: World, header: dict[str, str]) -> None:
    refused = world.admin.post("/v1/admin/users", headers=header, json={"name": "intruder"})
    assert refused.status_code == (421 if "Host" in header else 403)
    assert world.admin.get("/v1/admin/users/intruder").status_code == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD"])
def test_mcp_accepts_only_post_get_and_delete(caller: Caller, method: str) -> None:
    for headers in (LEGACY.headers(caller.secret, "ping", {}), MODERN.headers(caller.secret, "ping", {}), {}):
        refused = caller.http.request(method, "/mcp", headers=headers)
        assert refused.status_code == 405
        assert sorted(refused.headers["Allow"].split(",")) == ["DELETE", "GET", "POST"]
        assert "Mcp-Session-Id" not in refused.headers


@pytest.mark.parametrize(("face", "allowed"), [(LEGACY, "POST, DELETE"), (MODERN, "POST")], ids=repr)
def test_a_get_without_a_conversation_is_no_method(caller: Caller, face: Mcp, allowed: str) -> None:
    headers = face.headers(caller.secret, "ping", {})
    for named in ({}, {"Mcp-Session-Id": "unknown"}) if face.modern else ({},):
        refused = caller.http.get("/mcp", headers=headers | named)
        assert (refused.status_code, refused.headers["Allow"]) == (405, allowed)
        assert "Mcp-Session-Id" not in refused.headers
    assert caller.http.get("/mcp").status_code == 401


def test_delete_without_a_known_conversation_is_refused(caller: Caller) -> None:
    for named in ({}, {"Mcp-Session-Id": "unknown"}):
        headers = LEGACY.headers(caller.secret, "ping", {}) | named
        assert caller.http.request("DELETE", "/mcp", headers=headers).status_code == 404
    assert caller.http.request("DELETE", "/mcp").status_code == 401


def test_every_response_has_the_request_id_and_security_headers(caller: Caller) -> None:
    wire = LEGACY.call(caller.secret, "tools__echo", {})
    for path in ("/mcp", "/v1/tools/invoke", "/nowhere", "/health"):
        answer, again = (
            caller.http.post(
                path, headers={**wire.headers, "X-Request-Id": "request-12345"}, content=wire.body
            )
            for _ in range(2)
        )
        assert answer.headers["X-Request-Id"].startswith("request-12345.")
        assert answer.headers["X-Request-Id"] != again.headers["X-Request-Id"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "mcp-ambassador"
    odd = caller.http.get("/health", headers={"X-Request-Id": "a b\tc"})
    assert "a b" not in odd.headers["X-Request-Id"]


def test_request_id_of_another_user_joins_no_two_traces(world: World) -> None:
    one, other = world.caller(), world.caller()
    wire = LEGACY.call(one.secret, "tools__echo", {})
    first = world.http.post("/mcp", headers=wire.headers, content=wire.body).headers["X-Request-Id"]
    wire = LEGACY.call(other.secret, "tools__echo", {})
    copied = {**wire.headers, "X-Request-Id": first}
    assert world.http.post("/mcp", headers=copied, content=wire.body).headers["X-Request-Id"] != first
    assert {event["session_id"] for event in world.events(request_id=first)} == {one.session_id}
