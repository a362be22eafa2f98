"""The queue of a stream: order, bounds, comments while nothing happens, and its end."""

import asyncio
from dataclasses import dataclass

import msgspec
import pytest

from ambassador_server.errors import OverloadedError, ServerStoppingError
from ambassador_server.ports.face import Event, FaceReply
from ambassador_server.web.client import sse_streams
from ambassador_server.web.client.sse_streams import (
    KEEP_ALIVE,
    MOST_CALLS,
    MOST_PER_KEY,
    SseStream,
    SseStreams,
)
from tests.server.worlds import PRINCIPAL

SOON = 0.001
LATE = 600.0


@dataclass
class Work:
    """Messages that are served until they are told to end."""

    gate: asyncio.Event
    cancelled: int = 0

    async def serve(self) -> FaceReply | None:
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return None


@pytest.fixture
async def work() -> Work:
    return Work(asyncio.Event())


def data(event: bytes) -> bytes:
    assert event.startswith(b"event: message\ndata: ")
    assert event.endswith(b"\n\n")
    return event.removeprefix(b"event: message\ndata: ").removesuffix(b"\n\n")


async def test_messages_come_in_order_each_on_one_line_and_comments_between():
    stream = SseStream(PRINCIPAL)
    assert await stream.next_event(SOON) == KEEP_ALIVE
    stream.send(b'{"a":\n 1}')
    stream.tell(Event(b'{"b":1}'))
    first, second = [data(await stream.next_event(LATE)) for _ in range(2)]
    assert b"\n" not in first
    assert second == b'{"b":1}'
    assert await stream.next_event(SOON) == KEEP_ALIVE


async def test_of_many_notices_the_oldest_are_dropped_and_no_answer_is():
    stream = SseStream(PRINCIPAL)
    stream.send(b'"answer"')
    for number in range(100):
        stream.tell(Event(b"%d" % number))
    stream.send(b'"last"')
    found = [data(await stream.next_event(LATE)) for _ in range(66)]
    assert found == [b'"answer"', *(b"%d" % number for number in range(36, 100)), b'"last"']
    assert await stream.next_event(SOON) == KEEP_ALIVE


async def test_a_stream_that_holds_too_much_is_cut_off(monkeypatch: pytest.MonkeyPatch, work: Work):
    monkeypatch.setattr(sse_streams, "MOST_BYTES", 1000)
    stream = SseStream(PRINCIPAL)
    stream.start(work.serve())
    await asyncio.sleep(0)
    stream.send(b"x" * 5000)  # one answer may be larger
    assert not stream.has_ended
    stream.send(b"y")
    assert stream.has_ended
    assert stream.is_cut_off
    assert await stream.next_event(LATE) == b""
    await asyncio.sleep(0)
    assert work.cancelled == 1
    stream.send(b"z")
    assert await stream.next_event(LATE) == b""


async def test_a_stream_that_has_ended_takes_any_number_of_messages():
    stream = SseStream(PRINCIPAL)
    for _ in range(100):
        stream.tell(Event(b"1"))
    stream.end()
    for _ in range(200):
        stream.tell(Event(b"1"))
        stream.send(b"1")
    assert stream.waiting_bytes == 0
    assert await stream.next_event(LATE) == b""


async def test_of_all_streams_the_one_that_holds_the_most_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse_streams, "MOST_BYTES_IN_ALL", 1000)
    streams = SseStreams()
    slow, idle, busy = (streams.open(PRINCIPAL) for _ in range(3))
    slow.send(b"x" * 600)
    for _ in range(10):
        busy.send(b"y" * 300)
        await busy.next_event(LATE)
    assert not slow.has_ended
    busy.send(b"y" * 300)
    idle.send(b"z" * 200)
    assert slow.is_cut_off
    assert not busy.has_ended
    assert not idle.has_ended
    assert data(await busy.next_event(LATE)) == b"y" * 300
    # What was waiting is not counted any more.
    busy.send(b"y" * 700)
    assert not busy.has_ended


async def test_the_calls_of_a_stream_are_bounded_and_end_with_it(work: Work):
    stream = SseStream(PRINCIPAL)
    for _ in range(MOST_CALLS):
        stream.start(work.serve())
    with pytest.raises(OverloadedError, match=str(MOST_CALLS)):
        stream.start(work.serve())
    await asyncio.sleep(0)
    stream.end()
    await asyncio.sleep(0)
    assert work.cancelled == MOST_CALLS
    await asyncio.sleep(0)
    with pytest.raises(ServerStoppingError):
        stream.start(work.serve())


async def test_a_draining_stream_sends_the_answers_to_its_calls_before_it_ends(work: Work):
    stream = SseStream(PRINCIPAL)

    async def serve() -> FaceReply | None:
        await work.gate.wait()
        stream.send(b'"answer"')
        return None

    stream.start(serve())
    stream.drain()
    with pytest.raises(ServerStoppingError):
        stream.start(serve())
    assert await stream.next_event(SOON) == KEEP_ALIVE
    work.gate.set()
    assert data(await stream.next_event(LATE)) == b'"answer"'
    assert await stream.next_event(LATE) == b""
    idle = SseStream(PRINCIPAL)
    idle.drain()
    assert await idle.next_event(LATE) == b""


def test_streams_are_found_by_their_owner_alone_and_bounded_per_key():
    streams = SseStreams()
    opened = [streams.open(PRINCIPAL) for _ in range(MOST_PER_KEY)]
    assert len({stream.stream_id for stream in opened}) == MOST_PER_KEY
    with pytest.raises(OverloadedError):
        streams.open(PRINCIPAL)
    first = opened[0]
    assert streams.find(first.stream_id, PRINCIPAL) is first
    for other in ({"session_id": "s2"}, {"session_id": None}, {"key_id": "k2"}):
        assert streams.find(first.stream_id, msgspec.structs.replace(PRINCIPAL, **other)) is None
    streams.open(msgspec.structs.replace(PRINCIPAL, key_id="k2"))
    streams.close(first)
    assert streams.find(first.stream_id, PRINCIPAL) is None
    assert streams.open(PRINCIPAL)
