"""Digests of tool definitions: equal for the same JSON value, different for any other, and never an error."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.definition_digest import definition_digest

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)
DEFINITIONS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=5)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(each) for each in value] if isinstance(value, list) else value


@given(DEFINITIONS)
def test_order_whitespace_and_escapes_make_no_difference(definition: dict[str, Any]) -> None:
    plain = json.dumps(definition, ensure_ascii=False, separators=(",", ":")).encode()
    other = json.dumps(reordered(definition), indent=2).encode()
    assert definition_digest(plain) == definition_digest(other)


@given(DEFINITIONS, DEFINITIONS)
def test_other_values_have_other_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    texts = [json.dumps(each).encode() for each in (one, other)]
    same = definition_digest(texts[0]) == definition_digest(texts[1])
    # In Python, but not in JSON, `True` equals 1: then the digests may differ.
    assert not same or one == other


@given(st.binary())
def test_bytes_that_are_no_json_have_a_digest(definition: bytes) -> None:
    assert len(definition_digest(definition)) == 64


@pytest.mark.parametrize(
    "definition",
    [
        b'{"name":"a","name":"b"}',
        b'{"name":"a","x":{"y":1,"y":2}}',
        b'{"name":"a","x":9007199254740993}',
        b'{"name":"a","x":1e999}',
        b'{"name":"a","x":NaN}',
        b'{"name":"a","x":"\\ud800"}',
        b'{"name":"a","\\ud800":1}',
        b'{"name":"a","x":"\xff"}',
        b'{"name":"a","x":' + b"9" * 5000 + b"}",
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda definition: definition[:24].decode("latin-1"),
)
def test_definition_without_a_canonical_form_is_digested_byte_for_byte(definition: bytes) -> None:
    assert definition_digest(definition) == hashlib.sha256(definition).hexdigest()
    assert definition_digest(definition.replace(b":", b": ")) != definition_digest(definition)


def test_digest_is_that_of_rfc_8785() -> None:
    canonical = '{"a":[1e+21,0.000001,1e-7,100],"ä":"\u20ac\\n","\ud83d\ude00":1,"\ufb33":2}'
    written = '{"\\ufb33":2.0, "\\ud83d\\ude00":1e0, "\\u00e4":"\\u20AC\\u000a", "a":[1E21,1e-6,1e-7,1e2]}'
    expected = canonical.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    assert definition_digest(written.encode()) == hashlib.sha256(expected).hexdigest()
