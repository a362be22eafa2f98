"""Of large arguments only those that headers repeat are decoded, and the headers are the same."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.param_headers import find_mismatch, param_headers
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.mirrored_arguments import mirrored_arguments

NAMES = st.sampled_from(["a", "b", 'é"', "value", ""])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
MAPS = st.lists(PATHS, max_size=4, unique=True).map(
    lambda paths: {path: f"H{number}" for number, path in enumerate(paths)}
)


@given(st.dictionaries(NAMES, VALUES, max_size=4), MAPS)
async def test_large_arguments_have_the_headers_of_small_ones(arguments: dict[str, Any], header_map: Any):
    small = json.dumps(arguments).encode()
    large = json.dumps({"pad": ["x"] * (LARGE // 4), **arguments}).encode()
    found = [await mirrored_arguments(raw, header_map) for raw in (small, large)]
    assert found[0] == arguments
    assert "pad" not in found[1]
    headers = param_headers(header_map, found[0])
    assert param_headers(header_map, found[1]) == headers
    assert find_mismatch(header_map, found[1], headers.get) is None
