"""JSON as text: any bytes are an object or a ValueError, and a document on one line says the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.json_text import on_one_line, parse_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES))
def test_an_object_is_read(value: dict[str, Any]):
    assert parse_object(json.dumps(value)) == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")) == value


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\xff", "is not JSON"),
        (b"[" * 100_000, "is nested deeper than 500 levels"),
        ("[" * 501 + "]" * 501, "is nested deeper than 500 levels"),
        (b"[]", "is not a JSON object"),
        (b"7", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'{"a": [NaN]}', "is not JSON"),
        (b'{"a": -Infinity}', "is not JSON"),
        (b'{"a": [1e999]}', "contains a number that is too large"),
        ('{"a": -1e999}', "contains a number that is too large"),
    ],
)
def test_anything_else_is_refused(content: bytes, why: str):
    with pytest.raises(ValueError, match=f"^{why}$"):
        parse_object(content)


@given(VALUES, st.sampled_from([None, 1, 2]), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_a_document_on_one_line_says_the_same(value: object, indent: int | None, end: bytes):
    document = json.dumps(value, indent=indent).encode().replace(b"\n", end)
    line = on_one_line(document)
    assert b"\n" not in line
    assert b"\r" not in line
    assert json.loads(line) == value
