"""The bound of nesting is exact, ignores strings, and does not depend on how deep Python can decode."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.nesting import CUT, MAX_NESTING, cut_nesting, is_too_deep

TEXTS = st.text(alphabet='[]{}"\\ab\u00e9', max_size=8)
DOCUMENTS = st.recursive(
    TEXTS | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def wrapped(document: bytes, levels: int) -> bytes:
    return (
        b'{"a":[' * (levels // 2)
        + b"[" * (levels % 2)
        + document
        + b"]" * (levels % 2)
        + b"]}" * (levels // 2)
    )


@given(DOCUMENTS, st.integers(min_value=MAX_NESTING - 8, max_value=MAX_NESTING + 2), st.booleans())
def test_bound_is_exact(value: Any, levels: int, escaped: bool) -> None:
    document = json.dumps(value, ensure_ascii=escaped).encode()
    # Enough brackets that the document is searched, none of which nests anything.
    padded = b"[" + b"[]," * MAX_NESTING + wrapped(document, levels) + b"]"
    assert is_too_deep(padded) is (1 + levels + depth(value) > MAX_NESTING)


@given(DOCUMENTS)
def test_only_what_is_too_deep_is_cut(value: Any) -> None:
    document = json.dumps(value).encode()
    too_deep = wrapped(b"0", MAX_NESTING + 1)
    cut = cut_nesting(b'{"kept":' + document + b',"cut":' + too_deep + b',"last":' + document + b"}")
    assert not is_too_deep(cut)
    read = json.loads(cut)
    assert (read["kept"], read["last"]) == (value, value)
    assert CUT in cut


@pytest.mark.parametrize("levels", [1_000, 200_000])
def test_any_depth_is_cut(levels: int) -> None:
    cut = cut_nesting(b"[1," + b"[" * levels + b"]" * levels + b",2]")
    assert json.loads(cut)[::2] == [1, 2]
    assert not is_too_deep(cut)
