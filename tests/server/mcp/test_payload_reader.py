"""Arguments are read with every member, so that no value reaches a downstream unseen by the audit."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.secrets.redaction import redact
from ambassador_server.errors import InvalidInputError
from ambassador_server.mcp.payload_reader import MsgspecPayloads

READER = MsgspecPayloads()
NAMES = st.sampled_from(["a", "b", "c:d", ":", '"', "\\", "\u00e9"])
WRITTEN = st.recursive(
    (st.none() | st.booleans() | st.integers(-9, 9) | NAMES).map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(NAMES.map(json.dumps), inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{name} : {value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=15,
)
"""JSON in which an object may have a name more than once."""


def count_pairs(text: str) -> int:
    found: list[int] = []
    json.loads(text, object_pairs_hook=lambda pairs: found.append(len(pairs)))
    return sum(found)


def count_members(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(count_members, value.values()))
    return sum(map(count_members, value)) if isinstance(value, list) else 0


@given(WRITTEN, st.booleans())
def test_no_member_is_lost(text: str, is_escaped: bool):
    if is_escaped:
        text = text.replace('"c:d"', '"c\\u003ad"').replace('":"', '"\\u003A"')
    assert count_members(READER.value(text.encode())) == count_pairs(text)


@given(WRITTEN)
def test_the_whole_beginning_is_the_value(text: str):
    assert READER.beginning(text.encode(), values=1000, size=10_000) == READER.value(text.encode())


@given(st.lists(st.integers() | st.text(), min_size=1), st.integers(min_value=2, max_value=20))
def test_the_beginning_has_so_many_values_and_a_mark(items: list[Any], values: int):
    text = json.dumps(items).encode()
    read = READER.beginning(text, values=values, size=10_000)
    assert read[: values - 1] == items[: values - 1]
    if len(items) > values - 1:
        assert len(read) == values
        assert "more bytes" in read[-1]


def test_the_rest_of_large_arguments_is_not_decoded():
    """What comes after the beginning is not even JSON here."""
    rest = b",[" * 100
    assert READER.beginning(b'{"path":"/etc","more":[1,2,3' + rest, values=6, size=100) == {
        "path": "/etc",
        "more": [1, "[cut: 203 more bytes]"],
    }
    long = json.dumps({"a": "x" * 5000, "b": 1, "c": 2}).encode()
    assert READER.beginning(long, values=50, size=4000) == {"a": "x" * 5000, "[cut]": "15 more bytes"}


@given(WRITTEN)
def test_values_without_duplicates_are_as_any_decoder_reads_them(text: str):
    plain = json.loads(text)
    if count_members(plain) == count_pairs(text):
        assert READER.value(text.encode()) == plain


def test_later_members_of_the_same_name_are_numbered():
    value = READER.value(b'{"path":"/tmp","path":"/etc","a":1,"path":"/root","[duplicate 2] a":2,"a":3}')
    assert value == {
        "path": "/tmp",
        "[duplicate 2] path": "/etc",
        "a": 1,
        "[duplicate 3] path": "/root",
        "[duplicate 2] a": 2,
        "[duplicate 3] a": 3,
    }


@pytest.mark.parametrize(
    "raw",
    [
        b'{"password":"x","password":"hunter2"}',
        b'{"pin":"x","pin":"hunter2"}',
        b'{"name":"city","name":"api_key","value":"hunter2"}',
        b'{"name":"api_key","value":"x","value":"hunter2"}',
        b'{"n":1e999,"auth":"x","auth":{"a":"hunter2","a":["hunter2"]}}',
    ],
)
def test_a_second_secret_of_the_same_name_is_masked(raw: bytes):
    assert "hunter2" not in json.dumps(redact(READER.value(raw), ArgumentPolicy.REDACTED))


def test_numbers_that_no_record_can_hold_are_cut():
    value = READER.value(b'{"a":1e999,"b":-1e999,"c":' + b"9" * 5000 + b',"d":1.5,"e":12}')
    assert value == {
        "a": "[cut: a number out of range]",
        "b": "[cut: a number out of range]",
        "c": "[cut: an integer of 5000 digits]",
        "d": 1.5,
        "e": 12,
    }


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"NaN", b'{"a":Infinity}', b'"\xff"', b"{'a':1}", b"[" * 5000 + b"]" * 5000]
)
def test_what_cannot_be_read_is_refused(raw: bytes):
    with pytest.raises(InvalidInputError):
        READER.value(raw)


def test_nesting_is_bounded_by_the_same_number_on_every_version():
    deepest, too_deep = (b'{"a":[' * (levels // 2) + b"]}" * (levels // 2) for levels in (500, 502))
    assert READER.value(deepest) == json.loads(deepest)
    with pytest.raises(InvalidInputError):
        READER.value(too_deep)
    flat = b"[" + b",".join([b'["]}"]'] * 600) + b"]"
    assert len(READER.value(flat)) == 600
    with pytest.raises(InvalidInputError):
        READER.value(b"[" * 501 + b'"' + b'\\"' * 200_000)  # a string without an end is searched once


def test_many_members_of_one_name_are_read_in_linear_time():
    raw = b"{" + b",".join([b'"a":1'] * 50_000) + b"}"
    assert len(READER.value(raw)) == 50_000
