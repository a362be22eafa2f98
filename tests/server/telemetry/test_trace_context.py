"""The context in `_meta`: what is valid, that nothing else is an error, and that other members keep their bytes."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ambassador_server.telemetry.trace_context import context_in, valid_context, with_context

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
METAS = st.dictionaries(st.sampled_from(["traceparent", "tracestate", "baggage", "a/b"]) | st.text(), VALUES)


@pytest.mark.parametrize(
    "parent",
    [PARENT, PARENT[:-2] + "00", "cc-" + PARENT[3:] + "-what-comes-later", "01-" + PARENT[3:]],
)
def test_a_valid_parent_is_taken_with_its_state(parent: str) -> None:
    context = {"traceparent": parent, "tracestate": "rojo=00f067aa0ba902b7,a@b=1"}
    assert context_in(json.dumps(context).encode()) == context
    assert context_in(json.dumps({"traceparent": parent}).encode()) == {"traceparent": parent}


@pytest.mark.parametrize(
    "meta", [b"", b"null", b"[]", b'"traceparent"', b"{", b'{"traceparent":}', b"\xff trace", b"[" * 99999]
)
def test_what_is_no_object_has_no_context_and_stays_as_it_is(meta: bytes) -> None:
    assert context_in(meta) == {}
    if meta:
        assert with_context(meta, OWN) == meta
    else:
        assert json.loads(with_context(meta, OWN)) == OWN


@given(METAS)
def test_no_member_but_the_context_is_changed(meta: dict[str, Any]) -> None:
    raw = json.dumps(meta).encode()
    found = json.loads(with_context(raw, OWN))
    assert found.pop("traceparent") == OWN["traceparent"]
    assert found == {name: each for name, each in meta.items() if name not in ("traceparent", "tracestate")}
    assert context_in(raw).keys() <= {"traceparent", "tracestate"}


def test_numbers_and_spaces_of_other_members_keep_their_bytes() -> None:
    raw = b'{ "n": 1.0e2 , "traceparent": "x", "big": 100000000000000000000000.10, "o": { "a" :1 } }'
    changed = with_context(raw, OWN | {"tracestate": "a=1"})
    assert changed == (
        b'{"n":1.0e2,"traceparent":"%b","big":100000000000000000000000.10,"o":{ "a" :1 },"tracestate":"a=1"}'
        % OWN["traceparent"].encode()
    )


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_is_an_error(parent: str, state: str) -> None:
    assert valid_context({"traceparent": parent, "tracestate": state}).keys() <= {"traceparent", "tracestate"}


HEX = st.text("0123456789abcdefg", min_size=0, max_size=34)
STATES = st.lists(
    st.tuples(st.text("ab1_-*/@ A", max_size=6), st.text("a =,;~\t!", max_size=6)).map("=".join), max_size=5
).map(",".join)


@given(st.builds("00-{}-{}-{}".format, HEX, HEX, HEX) | st.just(PARENT), STATES)
@example(PARENT, "1=;")
@example(PARENT, "1@a=;,a=b")
def test_what_is_valid_here_is_valid_for_the_library(parent: str, state: str) -> None:
    found = valid_context({"traceparent": parent, "tracestate": state})
    if found:
        context = get_current_span(TraceContextTextMapPropagator().extract(found)).get_span_context()
        assert context.is_valid
        assert len(context.trace_state) == len(
            [each for each in found.get("tracestate", "").split(",") if each.strip()]
        )
