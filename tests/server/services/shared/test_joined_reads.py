"""Reads of one thing at one time are one read."""

import asyncio

import pytest

from ambassador_server.services.shared.joined_reads import JoinedReads


async def test_one_read_serves_all_that_wait_and_the_next_one_reads_again():
    reads, count, go = JoinedReads[str, int](), 0, asyncio.Event()

    async def read() -> int:
        nonlocal count
        count = number = count + 1
        await go.wait()
        return number

    waiting = [asyncio.create_task(reads.run("a", read)) for _ in range(3)]
    other = asyncio.create_task(reads.run("b", read))
    await asyncio.sleep(0)
    waiting[0].cancel()
    go.set()
    assert await asyncio.gather(*waiting[1:], other) == [1, 1, 2]
    assert await reads.run("a", read) == 3


async def test_error_reaches_all_that_wait_and_is_not_kept():
    reads = JoinedReads[str, int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError

    async def succeed() -> int:
        return 1

    found = await asyncio.gather(*(reads.run("a", fail) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in found] == [LookupError] * 2
    assert await reads.run("a", succeed) == 1


async def test_error_of_a_read_that_nobody_waits_for_is_not_reported(caplog: pytest.LogCaptureFixture):
    reads, go, ended = JoinedReads[str, int](), asyncio.Event(), asyncio.Event()

    async def fail() -> int:
        await go.wait()
        ended.set()
        raise LookupError

    waiting = asyncio.create_task(reads.run("a", fail))
    await asyncio.sleep(0)
    waiting.cancel()
    go.set()
    await ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not caplog.records
