"""Malformed answers of servers and gateways: the host gets its answer in one line, or an error."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ambassador_client.errors import BadAnswerError, ClientError
from ambassador_client.link.http_client import BufferedResponse
from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.message import Message
from ambassador_client.proxy.server_responses import read_event, read_response, read_server_message
from tests.client.fake_server import FakeServer
from tests.client.host import Host
from tests.client.test_malformed_host_input import DEEP, IDS, VALUES, messages_of, nested

ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0", 2]),
        "id": st.one_of(st.just(1), st.just("1"), st.just(1.0), st.just(True), IDS),
        "result": VALUES,
        "error": VALUES,
        "method": st.one_of(st.just("notifications/message"), VALUES),
    },
)
BODIES = st.one_of(
    ANSWERS.map(json.dumps).map(str.encode),
    ANSWERS.map(lambda answer: json.dumps(answer, indent=2).encode()),
    VALUES.map(json.dumps).map(str.encode),
    st.binary(max_size=60),
)
METHODS = st.sampled_from(["tools/call", "prompts/list", "logging/setLevel", "no/such"])


def question(method: str) -> Message:
    return Message.parse(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode())


def parse_as_written(line: bytes) -> dict[str, Any]:
    """Return the message of a line as it would be written."""
    (found,) = messages_of(line.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return found


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0\x1f", 0),
        ("9" * 400, 3600),
        ("\u00b2", None),
        ("Mon, 1 Jan 2001 00:00:00 GMT", 0),
        ("Mon, 1 Jan 9001 00:00:00 GMT", 3600),
        ("Mon, 1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 1 Jan 2001 00:00:00 +99999999999999999999", None),
    ],
)
def test_a_retry_after_is_a_number_a_date_or_nothing(header: str, seconds: float | None):
    assert refusal(503, b"", header).retry_after == seconds


@given(
    body=BODIES,
    status=st.sampled_from([200, 202, 204, 302, 400, 401, 404, 429, 500, 503]),
    kind=st.sampled_from(["application/json", "text/html", "application/problem+json", ""]),
    retry_after=st.one_of(st.none(), st.text(max_size=12)),
    method=METHODS,
)
def test_any_body_is_the_answer_or_an_error(
    body: bytes, status: int, kind: str, retry_after: str | None, method: str
):
    try:
        found = parse_as_written(
            read_response(question(method), BufferedResponse(status, kind, retry_after, body))
        )
    except ClientError:
        return
    assert found["id"] == 1
    assert type(found["id"]) is int
    assert kind == "application/json"


@given(event=BODIES, method=METHODS)
@example(
    event=b'{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 0, "message": ""}}',
    method="tools/call",
)
def test_any_event_is_a_message_or_an_error(event: bytes, method: str):
    for read in (lambda: read_event(question(method), event)[0], lambda: read_server_message(event)):
        try:
            found = parse_as_written(read())
        except ClientError:
            continue
        assert "method" in found or found["id"] == 1


@DEEP
@pytest.mark.parametrize(("method", "next_step"), [("tools/call", "may have run"), ("tools/list", "gateway")])
@pytest.mark.parametrize("member", ["result", "error"])
def test_what_is_nested_too_deep_is_an_error_that_says_so(
    method: str, next_step: str, member: str, depth: int
):
    body = f'{{"jsonrpc":"2.0","id":1,"{member}":{nested(depth - 1)}}}'.encode()
    for read in (
        lambda: read_response(question(method), BufferedResponse(200, "application/json", None, body)),
        lambda: read_event(question(method), body),
    ):
        with pytest.raises(BadAnswerError, match="nested deeper than 500 levels") as refused:
            read()
        assert next_step in str(refused.value)
    refused_by = refusal(400, body)
    assert str(refused_by).startswith("AMB-1001 the server answered HTTP 400")


async def test_a_request_waiting_for_its_session_can_be_cancelled(server: FakeServer, proxy: Host):
    """It is never sent, because the server is unreachable."""
    await server.stop()
    await proxy.initialize()
    await proxy.request("tools/list")
    await server.start()
    for modern in (False, True):
        given_up = proxy.start_request("tools/call", {"name": "wait", "arguments": {}}, modern=modern)
        proxy.notify("notifications/cancelled", {"requestId": given_up})
        assert "result" in await proxy.request("ping")
        # The error may have been sent before the cancellation was read.
        assert "result" not in proxy.answers.get(given_up, {})
    await proxy.until(lambda: bool(proxy.notifications))
    assert "result" in await proxy.call("echo")
    await server.until(lambda: server.running == 0)
