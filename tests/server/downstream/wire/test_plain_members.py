"""The members that tell the kind of a result are found however a downstream writes them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.downstream.wire.messages import decode_message, reply_from
from ambassador_server.downstream.wire.plain_members import with_plain_members

ASKING = {
    "resultType": "input_required",
    "inputRequests": {"a": {"method": "roots/list"}},
    "requestState": "s",
    "status": "input_required",
    "taskId": "1",
}


def written(text: str, escaped: list[bool]) -> str:
    """Return a JSON string of which these characters are written as escapes."""
    return "".join(
        f"\\u{ord(each):04x}" if escape else each for each, escape in zip(text, escaped, strict=True)
    )


@st.composite
def escaped_results(draw: st.DrawFn) -> str:
    def some(text: str) -> str:
        size = len(text)
        return f'"{written(text, draw(st.lists(st.booleans(), min_size=size, max_size=size)))}"'

    values = {
        name: some(each) if isinstance(each, str) else json.dumps(each) for name, each in ASKING.items()
    }
    return "{" + ",".join(f"{some(name)}:{value}" for name, value in values.items()) + "}"


@given(escaped_results())
def test_no_escape_hides_what_a_result_is(result: str):
    assert json.loads(result) == ASKING
    message = decode_message(b'{"jsonrpc":"2.0","id":1,"result":' + result.encode() + b"}")
    assert message is not None
    read = reply_from(message).result or b""
    assert json.loads(read) == ASKING
    for name in ASKING:
        assert b'"%b"' % name.encode() in read
    assert read.count(b'"input_required"') == 2


@pytest.mark.parametrize(
    "result",
    [
        rb'{ "content":[{"type":"text","text":"\u003cb\u003e"}], "resultType" : "complete" }',
        rb'{"x":1e400,"\u0061":[ ],"resultType":7}',
        rb'{"text":"input\u005frequired","resultType":"complete"}',
        rb'{"resultType":"complete","resultType":"complete"}',
        rb'{"a":"\u0041","status":{"\u005f":1}}',
        rb'{"unfinished":"\u0041',
        rb'["\u0041"]',
    ],
)
def test_every_other_result_stays_as_it_is(result: bytes):
    assert with_plain_members(result) == result


@given(st.dictionaries(st.text(), st.integers() | st.text(), max_size=5))
def test_the_value_of_a_result_never_changes(members: dict[str, Any]):
    result = json.dumps({**members, **ASKING}).encode()
    assert json.loads(with_plain_members(result)) == json.loads(result)
