"""Headers that repeat parts of a message, validated by the MCP SDK."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import InboundModernRoute, classify_inbound_request, find_invalid_x_mcp_header
from mcp.shared.inbound import validate_mcp_param_headers as validate

from ambassador_client.proxy.message import Message, MessageError
from ambassador_client.proxy.tool_headers import MAX_TOOLS, ToolHeaders
from tests.client.fake_server import FakeServer
from tests.client.host import MODERN, Host

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.just("=?base64?QQ==?="))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=6)
NAMES = st.sampled_from(["a", "b", "ä", "x-mcp-header"])
LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "boolean", "number", 1])},
    optional={"x-mcp-header": st.one_of(st.sampled_from(["Region", "REGION", "a b", "", "~x"]), SCALARS)},
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(NAMES, inner)}),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=2)}),
    ),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(NAMES, st.one_of(JSON, st.dictionaries(NAMES, SCALARS)))


def silent(_: str) -> None:
    """Ignore the report."""


def message(method: str, params: dict[str, Any]) -> Message:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": MODERN, **params}}
    return Message.parse(json.dumps(body).encode())


def lowered(headers: Any) -> dict[str, str]:
    found = {name.lower(): value for name, value in headers}
    assert len(found) == len(list(headers)), "a header twice"
    return found


@given(
    method=st.one_of(st.sampled_from(["tools/call", "prompts/get", "resources/read", "tools/list"]), TEXT),
    params=st.dictionaries(st.sampled_from(["name", "uri", "x"]), st.one_of(TEXT, st.none(), st.integers())),
)
def test_the_sdk_accepts_the_headers_of_a_message(method: str, params: dict[str, Any]):
    sent = message(method, params)
    route = classify_inbound_request(json.loads(sent.body), headers=lowered(sent.headers("unused", {})))
    key = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}.get(method, "")
    # A name that is not text has no header and is refused.
    if params.get(key) is None or isinstance(params[key], str):
        # The SDK compares the raw method, so a non-ASCII one never matches.
        is_plain = method.isascii() and method.isprintable() and method == method.strip(" ")
        assert isinstance(route, InboundModernRoute) or not is_plain or method.startswith("=?base64?")


@given(schema=SCHEMAS, arguments=ARGUMENTS)
def test_the_sdk_accepts_the_argument_headers(schema: Any, arguments: dict[str, Any]):
    tool_headers = ToolHeaders(silent)
    tools = [{"name": "tool", "inputSchema": schema}, {"name": "other", "inputSchema": {}}]
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "x": 1}}).encode()
    kept = [tool["name"] for tool in json.loads(tool_headers.learn_from_list(line))["result"]["tools"]]
    if find_invalid_x_mcp_header(schema) is not None:
        assert kept == ["other"]
        assert tool_headers.header_map_of("tool") == {}
        return
    assert kept == ["tool", "other"]
    sent = message("tools/call", {"name": "tool", "arguments": _without_constants(arguments)})
    headers = lowered(sent.headers("unused", tool_headers.header_map_of("tool")))
    assert validate(schema, sent.params["arguments"], headers) is None


def _without_constants(value: Any) -> Any:
    # Infinity and NaN are not JSON.
    return json.loads(json.dumps(value), parse_constant=str)


def test_an_unpaired_surrogate_in_a_header_argument_is_refused():
    call = message("tools/call", {"name": "t", "arguments": {"a": "\ud800"}})
    with pytest.raises(MessageError, match="half a surrogate pair"):
        call.headers("unused", {("a",): "A"})


@pytest.mark.parametrize(
    "line", [b"{}", b'{"result":{}}', b'{"result":{"tools":[1,{},{"name":3}]}}', b'{"error":{}}']
)
def test_a_malformed_tool_list_is_unchanged(line: bytes):
    assert ToolHeaders(silent).learn_from_list(line) == line


def test_the_number_of_tools_is_limited_and_the_last_list_wins():
    tool_headers = ToolHeaders(silent)
    annotated = {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}
    for begin in range(0, 3 * MAX_TOOLS, 1000):
        tools = [{"name": f"t{n}", "inputSchema": annotated} for n in range(begin, begin + 1000)]
        tool_headers.learn_from_list(json.dumps({"result": {"tools": tools}}).encode())
    known = [n for n in range(13_000) if tool_headers.header_map_of(f"t{n}")]
    assert len(known) == MAX_TOOLS
    assert tool_headers.header_map_of(f"t{known[-1]}") == {("a",): "A"}
    tool_headers.learn_from_list(
        json.dumps({"result": {"tools": [{"name": f"t{known[-1]}", "inputSchema": {}}]}}).encode()
    )
    assert tool_headers.header_map_of(f"t{known[-1]}") == {}


REGION = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "n": {"type": "integer"}},
}


async def test_arguments_are_repeated_in_headers_as_the_tool_list_declares(server: FakeServer, proxy: Host):
    server.tools = [{"name": "echo", "inputSchema": REGION}]
    await proxy.request("tools/list", modern=True)
    assert "result" in await proxy.call("echo", {"region": "Zürich\r\nX-Evil: 1", "n": 1}, modern=True)
    headers = server.calls[-1].headers
    assert headers["Mcp-Param-Region"].startswith("=?base64?")
    assert "X-Evil" not in headers
    assert "result" in await proxy.call("echo", {"n": 1}, modern=True)
    assert "Mcp-Param-Region" not in server.calls[-1].headers


async def test_a_call_before_any_list_learns_its_headers_and_runs_once(server: FakeServer, proxy: Host):
    server.tools = [{"name": "echo", "inputSchema": REGION}]
    answer = await proxy.call("echo", {"region": "eu"}, modern=True)
    assert json.loads(answer["result"]["content"][0]["text"]) == {"region": "eu"}
    assert [call.message["method"] for call in server.calls] == ["tools/call", "tools/list", "tools/call"]
    assert len(proxy.lines) == 1
    assert "result" in await proxy.call("echo", {"region": "us"}, modern=True)
    assert len(server.calls) == 4


async def test_a_header_mismatch_that_persists_is_the_answer(server: FakeServer, proxy: Host):
    async def refuse(_: FakeServer, message: dict[str, Any], __: object) -> dict[str, Any]:
        return {"tools": []}

    server.tools = [{"name": "echo", "inputSchema": REGION}]
    server.methods["tools/list"] = refuse
    answer = await proxy.call("echo", {"region": "eu"}, modern=True)
    assert answer["error"]["code"] == -32020
    assert len(server.calls) == 2


async def test_a_tool_with_an_invalid_annotation_is_left_out_and_reported(server: FakeServer, proxy: Host):
    wrong = {"type": "object", "properties": {"a": {"type": "number", "x-mcp-header": "A"}}}
    server.tools = [{"name": "bad\u001b", "inputSchema": wrong}, {"name": "good", "inputSchema": REGION}]
    tools = (await proxy.request("tools/list", modern=True))["result"]["tools"]
    assert tools == [{"name": "good", "inputSchema": REGION}]
    await proxy.until_said("the tool 'bad\\x1b' is left out: property 'a' is not a string")
