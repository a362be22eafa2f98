"""Envelopes and params of both eras, as bytes."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.downstream.eras.legacy import legacy_params
from ambassador_server.downstream.eras.modern import modern_params
from ambassador_server.downstream.wire.messages import (
    decode_message,
    encode_answer,
    encode_cancelled,
    encode_request,
    reply_from,
)
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OWN_KEY = re.compile(r"io\.modelcontextprotocol/.*|progressToken", re.DOTALL)
FOREIGN = st.dictionaries(
    st.text(min_size=1).filter(lambda key: not OWN_KEY.fullmatch(key)), JSON, max_size=3
)
OURS = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def test_a_request_with_any_method_is_valid_json():
    loaded = json.loads(encode_request(7, 'odd"\n', b'{"a":1}'))
    assert loaded == {"jsonrpc": "2.0", "id": 7, "method": 'odd"\n', "params": {"a": 1}}
    assert json.loads(encode_request(7, "ping", b""))["params"] == {}
    assert json.loads(encode_cancelled(7))["params"] == {"requestId": 7}


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"id":1,"result":{}}',
        b'{"jsonrpc":"1.0","id":1,"result":{}}',
        b'{"jsonrpc":"2.0","id":[],"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000,
    ],
)
def test_data_that_is_not_an_envelope_is_none(garbage: bytes):
    assert decode_message(garbage) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"x\ud800y", "x\ufffdy"),
        (rb"\uDFFF", "\ufffd"),
        (rb"\ud800\ud800\udc00", "\ufffd\U00010000"),
        (rb"\ud83d\ude00 \udc00", "\U0001f600 \ufffd"),
        (rb"\\ud800 \ud800", "\\ud800 \ufffd"),
        (rb"\\\ud800", "\\\ufffd"),
    ],
)
def test_an_escape_of_half_a_character_is_replaced_and_the_rest_kept(written: bytes, read: str):
    message = decode_message(b'{"jsonrpc":"2.0","id":1,"result":{"a":"' + written + b'","b":1e400}}')
    assert message is not None
    assert bytes(message.result).endswith(b',"b":1e400}')
    assert msgspec.json.decode(bytes(message.result).replace(b"1e400", b"1"))["a"] == read


@given(st.text(alphabet=st.characters(codec=None) | st.just("\\"), max_size=20))
def test_every_text_that_json_can_escape_is_read(text: str):
    data = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"a": text}}).encode()
    message = decode_message(data)
    assert message is not None
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert msgspec.json.decode(message.result)["a"] == expected


def test_bodies_are_kept_byte_for_byte():
    body = b'{ "a":1.0,  "big":123456789012345678901234567890, "a":2, "u":"\\ud83d\\ude00" }'
    message = decode_message(b'{"jsonrpc":"2.0","result":' + body + b',"id":1}')
    assert message is not None
    assert reply_from(message).result == body


def test_a_null_error_beside_a_result_is_ignored():
    with_null = decode_message(b'{"jsonrpc":"2.0","id":1,"result":{"a":1},"error":null}')
    assert with_null is not None
    assert reply_from(with_null).result == b'{"a":1}'


@pytest.mark.parametrize(
    "body", [b"", b',"error":null', b',"error":"text"', b',"result":null', b',"result":null,"error":null']
)
def test_a_message_without_an_answer_is_none(body: bytes):
    message = decode_message(b'{"jsonrpc":"2.0","id":1' + body + b"}")
    assert message is not None
    with pytest.raises(DownstreamUnavailableError, match="neither a result nor an error"):
        reply_from(message)


@pytest.mark.parametrize("result", [b"5", b"[]", b'"x"', b"true"])
def test_a_result_that_is_not_an_object_is_none(result: bytes):
    message = decode_message(b'{"jsonrpc":"2.0","id":1,"result":' + result + b"}")
    assert message is not None
    with pytest.raises(DownstreamUnavailableError, match="not an object"):
        reply_from(message)


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        (b"7", 7),
        (b'"7"', 7),
        (b"7.0", 7),
        (b"7.5", None),
        (b'"x"', None),
        (b'"' + b"7" * 5000 + b'"', None),
        (b"null", None),
    ],
)
def test_an_answer_is_found_by_its_number_in_any_form(identity: bytes, number: int | None):
    message = decode_message(b'{"jsonrpc":"2.0","id":' + identity + b',"result":{}}')
    assert message is not None
    assert message.answers == number


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (b"{}", {"code": -32603, "message": "The MCP answered with an error that has no message"}),
        (b'{"code":-5}', {"code": -5, "message": "The MCP answered with an error that has no message"}),
        (b'{"code":"-5","message":"m"}', {"code": -5, "message": "m"}),
        (b'{"code":-5.0,"message":"m"}', {"code": -5, "message": "m"}),
        (b'{"code":"ENOENT","message":"no file"}', {"code": -32603, "message": "ENOENT: no file"}),
        (b'{"code":null,"message":{"x":1}}', {"code": -32603, "message": '{"x":1}'}),
        (b'{"code":1e300,"message":5}', {"code": -32603, "message": "1e300: 5"}),
        (
            b'{"code":-1,"message":null,"data":[1.0],"x":2}',
            {
                "code": -1,
                "message": "The MCP answered with an error that has no message",
                "data": [1.0],
                "x": 2,
            },
        ),
    ],
)
def test_an_error_gets_an_integer_code_and_a_message(error: bytes, expected: dict[str, object]):
    message = decode_message(b'{"jsonrpc":"2.0","id":1,"error":' + error + b"}")
    assert message is not None
    assert json.loads(reply_from(message).error or b"") == expected


def test_a_well_formed_error_is_kept_byte_for_byte():
    error = b'{ "message":"m",  "code":-32602, "data":{"big":123456789012345678901234567890} }'
    message = decode_message(b'{"jsonrpc":"2.0","id":1,"error":' + error + b"}")
    assert message is not None
    assert reply_from(message).error == error


@given(
    st.dictionaries(
        st.sampled_from(["code", "message", "data", "x"]), JSON | st.text(st.characters(codec=None))
    )
)
def test_every_error_of_a_downstream_becomes_one_that_json_rpc_allows(error: dict[str, object]):
    data = json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()
    message = decode_message(data)
    assert message is not None
    read = msgspec.json.decode(reply_from(message).error or b"")
    assert type(read["code"]) is int
    assert abs(read["code"]) < 2**53
    assert isinstance(read["message"], str)


@pytest.mark.parametrize(
    ("identity", "kind"), [(b'"a"', "request"), (b"7", "request"), (b"null", "notification")]
)
def test_requests_and_notifications_are_distinguished(identity: bytes, kind: str):
    message = decode_message(b'{"jsonrpc":"2.0","id":' + identity + b',"method":"ping"}')
    assert message is not None
    assert (message.is_request, message.is_notification) == (kind == "request", kind == "notification")
    if message.is_request:
        assert json.loads(encode_answer(message))["id"] == json.loads(identity)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_legacy_params_without_our_members_are_unchanged(params: dict[str, object]):
    raw = json.dumps(params, indent=1).encode()
    if b"io.modelcontextprotocol/" not in raw and b"progressToken" not in raw:
        assert legacy_params(raw) is raw


@given(st.dictionaries(st.text(), JSON, max_size=3), FOREIGN)
def test_only_modern_members_are_removed_from_legacy_params(
    params: dict[str, object], meta: dict[str, object]
):
    sent = {
        **params,
        "_meta": {**meta, **OURS, "progressToken": 1, "io.modelcontextprotocol/logLevel": "info"},
    }
    kept = json.loads(legacy_params(json.dumps(sent).encode()))
    assert kept == {**params, **({"_meta": meta} if meta else {})}


@given(st.dictionaries(st.text(), JSON, max_size=3), FOREIGN)
def test_modern_params_have_the_meta_of_our_connection(params: dict[str, object], meta: dict[str, object]):
    info = {"io.modelcontextprotocol/clientInfo": {"name": "host", "version": "9"}}
    foreign = {"io.modelcontextprotocol/clientCapabilities": {"sampling": {}}, "progressToken": "p"}
    sent = {**params, "_meta": {**meta, **info, **foreign}}
    raw, members = modern_params(json.dumps(sent).encode())
    assert json.loads(raw) == {**params, "_meta": {**meta, **info, **OURS}}
    assert set(members) == set(sent)


def test_our_client_info_replaces_a_missing_one():
    raw, _ = modern_params(b"")
    assert json.loads(raw)["_meta"]["io.modelcontextprotocol/clientInfo"]["name"] == "mcp-ambassador"


@pytest.mark.parametrize("params", [b"[]", b"5", b'"x"', b'{"a":', b'{"_meta":[]}', b"[" * 100_000])
def test_modern_params_that_are_not_an_object_are_refused(params: bytes):
    with pytest.raises(InvalidInputError, match="not a JSON object"):
        modern_params(params)
