"""Streams are bounded in number and in what waits, say what they have to say at their end, and free what they hold."""

import asyncio

import pytest

from ambassador_server.errors import OverloadedError, ServerStoppingError
from ambassador_server.mcp.open_streams import MOST_PER_KEY, MOST_WAITING, OpenStreams
from ambassador_server.ports.face import Event
from tests.patience import PATIENCE


def event(number: int) -> Event:
    return Event(b"%d" % number)


async def test_a_waiting_reader_is_woken_and_gets_the_last_message_at_the_end():
    stream = OpenStreams().open("k1", b"last")
    async with asyncio.timeout(PATIENCE):
        reading = asyncio.create_task(stream.next())
        await asyncio.sleep(0)
        stream.put(event(1))
        assert await reading == (event(1),)
        stream.put(event(2))
        stream.put(event(2))
        stream.put_first(event(0))
        stream.end()
        stream.end()
        stream.put(event(3))
        assert await stream.next() == (event(0), event(2), Event(b"last"))
        assert await stream.next() == ()


async def test_a_reader_that_is_too_slow_gets_what_waited_and_the_end():
    stream = OpenStreams().open("k1", b"last")
    for number in range(MOST_WAITING + 10):
        stream.put(event(number))
    assert await stream.next() == (*map(event, range(MOST_WAITING)), Event(b"last"))
    assert await stream.next() == ()


async def test_a_reading_that_is_given_up_loses_nothing():
    stream = OpenStreams().open("k1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await stream.next()
    stream.put(event(1))
    assert await stream.next() == (event(1),)


def test_the_number_of_streams_of_a_key_is_bounded_until_one_is_closed():
    streams = OpenStreams()
    opened = [streams.open("k1") for _ in range(MOST_PER_KEY)]
    with pytest.raises(OverloadedError):
        streams.open("k1")
    streams.open("k2")
    closed: list[int] = []
    opened[0].when_closed(lambda: closed.append(1))
    opened[0].close()
    opened[0].close()
    assert (closed, len(streams)) == ([1], MOST_PER_KEY)
    streams.open("k1")


async def test_the_end_of_the_server_ends_all_and_opens_none():
    streams = OpenStreams()
    first = streams.open("k1", b"last")
    streams.close()
    assert await first.next() == (Event(b"last"),)
    assert await first.next() == ()
    with pytest.raises(ServerStoppingError):
        streams.open("k1")
