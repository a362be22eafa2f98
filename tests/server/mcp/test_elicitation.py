"""The host reads the name of the MCP in every elicitation, however an MCP writes it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.mcp.questions.elicitation import with_asking_mcp

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), JSON, max_size=3), JSON)
def test_every_elicitation_begins_with_the_name_of_its_mcp(others: dict[str, object], message: object):
    for params in (others, {**others, "message": message}):
        named = json.loads(with_asking_mcp(json.dumps(params).encode(), "box"))
        text = f": {params['message']}" if isinstance(params.get("message"), str) else " for input"
        assert named == {**params, "message": f"box asks{text}"}


@pytest.mark.parametrize(
    "params", [rb'{"mess\u0061ge":"x"}', b'{"message":"y","message":"x"}', b' {"message" : "x"} ']
)
def test_no_spelling_hides_a_message(params: bytes):
    assert json.loads(with_asking_mcp(params, "box")) == {"message": "box asks: x"}
