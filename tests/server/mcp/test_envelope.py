"""Envelopes: valid messages are decoded without changing their content, all others are refused."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.jsonrpc import Code
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.mcp.envelope import (
    EnvelopeError,
    Notification,
    Request,
    Response,
    error_object,
    error_response,
    read_members,
    read_message,
    result_response,
    write_members,
)
from ambassador_server.ports.exchange import Reply

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.PARSE_ERROR),
        (b"{", Code.PARSE_ERROR),
        (b"\xff\xfe", Code.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\xff"}}', Code.PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"x"} {}', Code.PARSE_ERROR),
        (b"[" * 100_000, Code.PARSE_ERROR),
        (
            b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            Code.PARSE_ERROR,
        ),
        (b"[]", Code.INVALID_REQUEST),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', Code.INVALID_REQUEST),
        (b'"ping"', Code.INVALID_REQUEST),
        (b'{"id":1,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{},"params":{"a":1}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{},"Params":{"a":1}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"y","m\\u0065thod":"x"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","ID":2}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","method":"x","method":"y"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","id":1234}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","result":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"result":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"error":"no"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"params":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1e3,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', Code.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', Code.INVALID_PARAMS),
    ],
)
def test_invalid_message_is_refused_with_its_code(body: bytes, code: Code):
    with pytest.raises(EnvelopeError) as refused:
        read_message(body)
    assert refused.value.code is code


def test_ids_and_members_keep_their_bytes():
    message = read_message(
        b'{"jsonrpc":"2.0","id":12345678901234567890123,"method":"x","params":{"n":1.0,"big":1e400,"n2":-0}}'
    )
    assert isinstance(message, Request)
    assert message.id == b"12345678901234567890123"
    assert write_members(message.params) == b'{"n":1.0,"big":1e400,"n2":-0}'


@pytest.mark.parametrize("member", ["arguments", "inputResponses", "requestState"])
def test_only_members_that_are_not_split_may_be_large(member: str):
    large = b"[" + b",".join([b"0"] * LARGE) + b"]"
    body = b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{},"%b":%b}}' % (member.encode(), large)
    message = read_message(body)
    assert isinstance(message, Request)
    assert bytes(message.params[member]) == large
    with pytest.raises(EnvelopeError, match="other than arguments"):
        read_message(body.replace(b'"_meta":{}', b'"_meta":{"x":%b}' % large))
    with pytest.raises(EnvelopeError, match="other than arguments"):
        read_message(body.replace(b'"_meta":{}', b'"_meta":{},"%b":%b' % (member.encode(), large)))


def test_a_message_without_id_is_a_notification():
    message = read_message(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert message == Notification("notifications/initialized", {})


def test_a_message_without_method_is_the_answer_to_a_question():
    assert read_message(b'{"jsonrpc":"2.0","id":"q","result":[1.0]}') == Response(
        b'"q"', Reply(b"[1.0]", None)
    )
    refused = read_message(b'{"jsonrpc":"2.0","id":"q","error":{"code":1e0}}')
    assert refused == Response(b'"q"', Reply(None, b'{"code":1e0}'))


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=5))
def test_splitting_and_joining_members_changes_nothing(value: dict[str, object]):
    assert json.loads(write_members(read_members(json.dumps(value).encode()))) == value


@given(st.binary(max_size=200))
def test_hostile_bytes_are_a_message_or_an_envelope_error(body: bytes):
    with suppress(EnvelopeError):
        assert isinstance(read_message(body), Request | Notification | Response)


@given(st.text(st.characters(codec="utf-8")), st.integers())
def test_responses_with_any_content_are_json(text: str, number: int):
    reply = msgspec.json.decode(
        error_response(msgspec.json.encode(text), error_object(Code.DENIED, text, {"n": number}))
    )
    assert reply == {
        "jsonrpc": "2.0",
        "id": text,
        "error": {"code": Code.DENIED, "message": text, "data": {"n": number}},
    }
    assert msgspec.json.decode(result_response(b"1", b"{}")) == {"jsonrpc": "2.0", "id": 1, "result": {}}
