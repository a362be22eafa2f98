"""Cuts bytes into chunks at any positions, for tests of readers that get their input in pieces."""

from itertools import pairwise

from hypothesis import strategies as st

CUTS = st.lists(st.integers(min_value=0, max_value=200), max_size=12)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return the data in chunks; a position that comes twice gives an empty one."""
    edges = [0, *sorted(min(edge, len(data)) for edge in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
