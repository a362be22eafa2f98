"""Lines are the same for any split of the bytes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ambassador_protocol.line_splitter import Line, LineSplitter, LongLine
from tests.chunks import CUTS, cut

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)


def split(chunks: list[bytes], limit: int = 1 << 20) -> list[Line]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


@given(lines=LINES, cuts=CUTS, ends=st.sampled_from([b"\n", b"\r\n"]), finished=st.booleans())
def test_any_split_of_the_bytes_gives_the_same_lines(
    lines: list[bytes], cuts: list[int], ends: bytes, finished: bool
):
    data = ends.join(lines) + (ends if finished else b"")
    assert split(cut(data, cuts)) == [line.strip() for line in lines if line.strip()]


@given(text=st.text(), cuts=CUTS)
def test_characters_can_be_split(text: str, cuts: list[int]):
    data = json.dumps(text, ensure_ascii=False).encode() + b"\n"
    assert [json.loads(bytes(line)) for line in split(cut(data, cuts)) if isinstance(line, bytes)] == [text]


@given(sizes=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=8), cuts=CUTS)
def test_only_lines_above_the_limit_are_dropped(sizes: list[int], cuts: list[int]):
    lines = split(cut(b"".join(b"x" * size + b"\n" for size in sizes), cuts), limit=15)
    assert [len(line) if isinstance(line, bytes) else None for line in lines] == [
        size if size <= 15 else None for size in sizes
    ]


def test_a_line_above_the_limit_is_not_stored():
    splitter = LineSplitter(limit=1000)
    for _ in range(10_000):
        assert splitter.feed(b"x" * 1000) == []
    lines = splitter.feed(b"\nnext\n")
    assert isinstance(lines[0], LongLine)
    assert lines[1:] == [b"next"]


@given(excess=st.integers(1, 20_000), cuts=CUTS, end=st.sampled_from([b"\nnext\n", b""]))
def test_both_ends_of_a_line_above_the_limit_are_stored(excess: int, cuts: list[int], end: bytes):
    line = b"h" * 10 + b"x" * excess + b"t" * 10
    long, *others = split(cut(b"ok\n" + line + end, cuts), limit=19)[1:]
    assert isinstance(long, LongLine)
    assert line.startswith(long.head)
    assert line.endswith(long.tail)
    assert min(len(long.head), len(long.tail)) == min(len(line), 4096)
    assert others == ([b"next"] if end else [])
