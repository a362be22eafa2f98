"""The two streams to the host where the loop polls them."""

import asyncio
import os

from ambassador_client.proxy.stdio import Output, read_lines
from ambassador_protocol.line_splitter import LongLine
from tests.patience import PATIENCE

PIPE_HOLDS = 64 * 1024


async def test_a_message_is_written_as_one_line():
    read_end, write_end = os.pipe()
    output = await Output.open(write_end)
    output.send(b'{\r\n "a":\n 1}')
    await output.flush()
    assert os.read(read_end, 100) == b'{   "a":  1}\n'
    os.close(read_end)
    async with asyncio.timeout(PATIENCE):
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
        # The bytes in the pipe itself are already written.
        assert left <= PIPE_HOLDS or not flushed.done()
        left -= len(await asyncio.to_thread(os.read, read_end, 1 << 20))
    await asyncio.wait_for(flushed, PATIENCE)
    os.close(read_end)
    await asyncio.wait_for(output.closed.wait(), PATIENCE)
    os.close(write_end)


async def test_a_too_long_line_is_answered_and_the_next_one_read():
    read_end, write_end = os.pipe()
    os.write(write_end, b"x" * 200 + b"\n{}\n")
    os.close(write_end)
    lines = [line async for line in read_lines(read_end, limit=100)]
    assert isinstance(lines[0], LongLine)
    assert lines[1:] == [b"{}"]
    os.close(read_end)
