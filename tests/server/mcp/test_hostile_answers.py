"""Whatever a downstream answers to a call, a host of either era gets a well-formed answer of its own era."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.downstream.eras.legacy import LegacyEra as LegacyDownstream
from ambassador_server.downstream.eras.modern import ModernEra as ModernDownstream
from ambassador_server.downstream.wire.messages import check_whole, decode_message, reply_from
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.mcp.eras import legacy, modern
from ambassador_server.mcp.questions.asking import refuse
from ambassador_server.mcp.replies import failure
from ambassador_server.ports.exchange import NeutralRequest, Reply
from ambassador_server.tool_results import valid_result
from ambassador_server.web.client.tools import _content
from tests.server.services.world import ORIGIN
from tests.well_formed import assert_well_formed

TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def _is_no_text(value: Any) -> bool:
    return not isinstance(value, str)


NO_LIST = JSON.filter(lambda value: not isinstance(value, list))
# Blocks with a type besides text are passed on as they are, because hosts may know more types.
BLOCK = (
    st.fixed_dictionaries({}, optional={"type": st.just("text") | JSON.filter(_is_no_text), "text": JSON})
    | JSON
)
CONTENT = st.lists(BLOCK, max_size=3) | NO_LIST
QUESTIONS = st.dictionaries(
    TEXT,
    st.fixed_dictionaries(
        {}, optional={"method": st.sampled_from(["roots/list", "tools/call", "x"]) | JSON, "params": JSON}
    ),
    max_size=3,
)
RESULT = (
    st.fixed_dictionaries(
        {},
        optional={
            "content": CONTENT,
            "structuredContent": JSON,
            "isError": st.sampled_from([True, False, "true", 1, None]),
            "resultType": st.sampled_from(["complete", "input_required", "task"]) | JSON,
            "inputRequests": QUESTIONS | JSON,
            "requestState": JSON,
            "_meta": JSON,
        },
    )
    | JSON
)
ERROR = st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON, "data": JSON}) | JSON
ANSWER = st.fixed_dictionaries({}, optional={"result": RESULT, "error": ERROR, "method": st.none()})


async def outcome(line: bytes, *, host: bool, downstream: bool) -> Reply | DownstreamUnavailableError:
    """Return what is left of a line as the answer to a call; `host` and `downstream` tell who is modern."""

    async def unreachable(_: NeutralRequest) -> Reply:
        raise AssertionError("a host that cannot be asked has no answers to send")

    era = ModernDownstream("box", mirrors_headers=False) if downstream else LegacyDownstream()
    request = NeutralRequest(method="tools/call", params=b'{"name":"t"}', ask=None if host else refuse)
    try:
        message = decode_message(line)
        if message is None:
            raise DownstreamUnavailableError("answered with something that cannot be read")
        return check_whole(await era.finish(reply_from(message), request, unreachable))
    except DownstreamUnavailableError as error:
        return error


async def answer(line: bytes, *, host: bool, downstream: bool) -> dict[str, Any]:
    """Return what the host gets for a line that a downstream answered with."""
    found = await outcome(line, host=host, downstream=downstream)
    if isinstance(found, DownstreamUnavailableError):
        body = failure(b"7", found, ORIGIN).body
    else:
        body = (modern if host else legacy)._shaped(b"7", await valid_result(found))
    value = json.loads(body)
    assert isinstance(value, dict)
    return value


@given(ANSWER, st.booleans(), st.booleans())
async def test_every_answer_becomes_a_well_formed_one(value: dict[str, Any], host: bool, downstream: bool):
    line = json.dumps({"jsonrpc": "2.0", "id": 1} | value).encode()
    assert_well_formed(await answer(line, host=host, downstream=downstream), host=host)


@given(st.binary(max_size=100), st.booleans(), st.booleans())
async def test_bytes_after_the_id_become_a_well_formed_answer(tail: bytes, host: bool, downstream: bool):
    line = b'{"jsonrpc":"2.0","id":1,"result":' + tail + b"}"
    assert_well_formed(await answer(line, host=host, downstream=downstream), host=host)


@given(ANSWER, st.booleans())
async def test_the_rest_face_gets_a_list_of_content(value: dict[str, Any], downstream: bool):
    line = json.dumps({"jsonrpc": "2.0", "id": 1} | value).encode()
    found = await outcome(line, host=False, downstream=downstream)
    if isinstance(found, Reply):
        content, failed = _content(await valid_result(found))
        blocks = content if isinstance(content, list) else json.loads(bytes(content))
        assert all(isinstance(block["type"], str) for block in blocks)
        kind = value.get("result", {}).get("resultType") if found.result is not None else None
        assert failed or not isinstance(kind, str) or kind == "complete"


@pytest.mark.parametrize("host", [False, True])
@pytest.mark.parametrize("downstream", [False, True])
@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({}, {"content": []}),
        ({"resultType": 5}, {"content": []}),
        ({"content": None, "isError": True}, {"content": [], "isError": True}),
        ({"content": [], "isError": "yes", "_meta": None}, {"content": []}),
        ({"content": [{"type": "new", "x": 1.0}]}, {"content": [{"type": "new", "x": 1.0}]}),
        (
            {"content": ["plain", 5, None, {"a": 1.0}, [1]]},
            {"content": [{"type": "text", "text": text} for text in ("plain", "5", "", '{"a": 1.0}', "[1]")]},
        ),
        (
            {
                "content": [
                    {"type": "text"},
                    {"type": "text", "text": None},
                    {"type": "text", "text": {"n": 1}},
                ]
            },
            {"content": [{"type": "text", "text": text} for text in ("", "", '{"n": 1}')]},
        ),
        (
            {"content": [{"text": "kept", "_meta": {"a": 1}}, {"type": None, "text": "x"}]},
            {"content": [{"type": "text", "text": "kept", "_meta": {"a": 1}}, {"type": "text", "text": "x"}]},
        ),
    ],
)
async def test_a_result_is_mended(
    result: dict[str, Any], expected: dict[str, Any], host: bool, downstream: bool
):
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    got = (await answer(line, host=host, downstream=downstream))["result"]
    assert got == expected | ({"resultType": "complete"} if host else {})


@pytest.mark.parametrize("host", [False, True])
@pytest.mark.parametrize("content", ["text", 5, {"type": "text"}, True])
async def test_content_that_is_no_list_is_an_error(content: Any, host: bool):
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": content}}).encode()
    error = (await answer(line, host=host, downstream=True))["error"]
    assert "not a valid tool result" in error["message"]


@pytest.mark.parametrize("structured", [None, [1], "x", 5])
async def test_structured_content_that_is_no_object_reaches_only_modern_hosts(structured: Any):
    result = {"content": [{"type": "text", "text": "kept"}], "structuredContent": structured}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    assert (await answer(line, host=True, downstream=True))["result"]["structuredContent"] == structured
    assert (await answer(line, host=False, downstream=True))["result"] == {"content": result["content"]}


@pytest.mark.parametrize(
    ("host", "downstream", "words"),
    [
        (False, False, "asked for input"),
        (True, False, "asked for input"),
        (False, True, "cannot be asked"),
        (True, True, "did not declare: elicitation"),
    ],
)
async def test_input_that_cannot_be_had_is_an_error(host: bool, downstream: bool, words: str):
    asked = {"a": {"method": "elicitation/create", "params": {"message": "sure?"}}}
    result = {"resultType": "input_required", "inputRequests": asked, "requestState": "s"}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode()
    assert words in (await answer(line, host=host, downstream=downstream))["error"]["message"]


@pytest.mark.parametrize("kind", ["task", "input_required", "Complete", ""])
async def test_a_result_that_is_not_final_is_a_failure_on_the_rest_face(kind: str):
    reply = Reply(result=json.dumps({"resultType": kind, "content": []}).encode(), error=None)
    content, failed = _content(await valid_result(reply))
    assert failed
    assert "which this host does not know" in content[0]["text"] or "asks for input" in content[0]["text"]


async def test_a_result_of_an_unknown_type_is_an_error_for_a_legacy_host():
    line = b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":"t","status":"working"}}'
    assert '"task"' in (await answer(line, host=False, downstream=True))["error"]["message"]
