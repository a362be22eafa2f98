"""Answers are found inside other output, and only answers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.downstream.wire.first_line import answers_in
from ambassador_server.downstream.wire.messages import decode_message, reply_from

ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{"text":"{\\"id\\": 2}","n":[{"result":{}}]}}'


def ids(line: bytes) -> list[object]:
    return [message.id for message in answers_in(line)]


@pytest.mark.parametrize(
    "spoil",
    [
        b"Server starting... %b",
        b"%b\x1b[0m",
        b"\xef\xbb\xbfReady> %b <Ready",
        b"\x1b[2J\x1b]0;title\x07%b",
        b"\xff\xfe\x00%b",
        b'{"level":"info","id":7} %b',
        b'{"id": {"result": {%b',
        b"Config: {a: {b: 1}} [1, {}] %b",
        b"loading 10%%\rloading 100%%\r%b",
        b"%b{half",
        b'{"jsonrpc":"1.0","id":1,"result":{}}%b',
    ],
)
def test_an_answer_is_found_in_other_output(spoil: bytes):
    (message,) = answers_in(spoil % ANSWER)
    assert message.id == 1
    assert json.loads(reply_from(message).result or b"")["n"] == [{"result": {}}]


def test_every_order_of_the_members_is_found():
    for answer in (
        b'{"id":3,"jsonrpc":"2.0","result":{}}',
        b'{ "result" : {}, "id" : 3, "jsonrpc" : "2.0" }',
        b'{"error":{"code":-32601,"message":"?"},"id":3,"jsonrpc":"2.0"}',
    ):
        assert ids(b"banner " + answer) == [3]


def test_several_answers_on_one_line_are_found_in_their_order():
    assert ids(b"banner " + ANSWER + b'{"jsonrpc":"2.0","id":2,"result":{}}') == [1, 2]


def test_requests_and_notifications_in_other_output_are_not_taken():
    quoted = b'DEBUG received {"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}'
    assert answers_in(quoted) == []
    assert answers_in(b'log: {"jsonrpc":"2.0","method":"notifications/message","params":{}}') == []


def test_hostile_lines_end_soon():
    assert answers_in(b'{"id":' * 1000) == []
    assert answers_in(b'{"id":[' + b"[" * 100_000) == []
    assert answers_in(b'x{"id":' + b"9" * 10_000 + b',"jsonrpc":"2.0","result":{}}') == []
    assert answers_in(b"x" * LARGE + ANSWER) == []


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_output_is_read_without_an_error(before: bytes, after: bytes):
    for message in answers_in(before + ANSWER + after):
        assert message.method is None


@given(st.text(alphabet=st.characters(exclude_characters="{", exclude_categories=["Cs"]), max_size=200))
def test_text_before_an_answer_does_not_matter(banner: str):
    assert ids(banner.encode() + ANSWER) == [1]


def test_a_byte_order_mark_is_dropped_before_any_message():
    message = decode_message(b'\xef\xbb\xbf{"jsonrpc":"2.0","id":5,"result":{"text":"\xef\xbb\xbfkept"}}')
    assert message is not None
    assert bytes(message.result) == b'{"text":"\xef\xbb\xbfkept"}'
