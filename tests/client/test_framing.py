"""Lines out of bytes, whatever way the bytes are cut."""

import asyncio
import json
import os

from hypothesis import given
from hypothesis import strategies as st

from ambassador_client.proxy.framing import Frame, LineTooLong, Splitter
from ambassador_client.proxy.stdio import Output, read_frames
from tests.chunks import CUTS, cut

LINES = st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=8)
PIPE_HOLDS = 64 * 1024


def split(chunks: list[bytes], limit: int = 1 << 20) -> list[Frame]:
    splitter = Splitter(limit)
    return [frame for chunk in chunks for frame in splitter.feed(chunk)] + splitter.finish()


@given(lines=LINES, cuts=CUTS, ends=st.sampled_from([b"\n", b"\r\n"]), finished=st.booleans())
def test_any_split_of_the_bytes_gives_the_same_frames(
    lines: list[bytes], cuts: list[int], ends: bytes, finished: bool
):
    data = ends.join(lines) + (ends if finished else b"")
    assert split(cut(data, cuts)) == [line.strip() for line in lines if line.strip()]


@given(text=st.text(), cuts=CUTS)
def test_characters_may_be_cut_in_two(text: str, cuts: list[int]):
    data = json.dumps(text, ensure_ascii=False).encode() + b"\n"
    assert [json.loads(bytes(frame)) for frame in split(cut(data, cuts)) if isinstance(frame, bytes)] == [
        text
    ]


@given(sizes=st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=8), cuts=CUTS)
def test_only_lines_above_the_limit_are_dropped(sizes: list[int], cuts: list[int]):
    frames = split(cut(b"".join(b"x" * size + b"\n" for size in sizes), cuts), limit=15)
    assert [len(frame) if isinstance(frame, bytes) else None for frame in frames] == [
        size if size <= 15 else None for size in sizes
    ]


def test_a_line_above_the_limit_is_not_kept_in_memory():
    splitter = Splitter(limit=1000)
    for _ in range(10_000):
        assert splitter.feed(b"x" * 1000) == []
    frames = splitter.feed(b"\nnext\n")
    assert isinstance(frames[0], LineTooLong)
    assert frames[1:] == [b"next"]


async def test_a_message_is_one_line_whatever_is_in_it():
    read_end, write_end = os.pipe()
    output = await Output.open(write_end)
    output.send(b'{\r\n "a":\n 1}')
    await output.flush()
    assert os.read(read_end, 100) == b'{   "a":  1}\n'
    os.close(read_end)
    async with asyncio.timeout(5):
        await output.closed.wait()
        await output.drain()
    output.send(b"{}")
    os.close(write_end)


async def test_flushing_waits_for_the_reader():
    read_end, write_end = os.pipe()
    output = await Output.open(write_end)
    line = b"x" * (1 << 20)
    output.send(line)
    flushed = asyncio.create_task(output.flush())
    left = len(line) + 1
    while left:
        # What the pipe itself holds is out of our hands already.
        assert left <= PIPE_HOLDS or not flushed.done()
        left -= len(await asyncio.to_thread(os.read, read_end, 1 << 20))
    await asyncio.wait_for(flushed, 5)
    os.close(read_end)
    await asyncio.wait_for(output.closed.wait(), 5)
    os.close(write_end)


async def test_a_line_that_is_too_long_is_answered_and_the_next_one_read():
    read_end, write_end = os.pipe()
    os.write(write_end, b"x" * 200 + b"\n{}\n")
    os.close(write_end)
    frames = [frame async for frame in read_frames(read_end, limit=100)]
    assert isinstance(frames[0], LineTooLong)
    assert frames[1:] == [b"{}"]
    os.close(read_end)
