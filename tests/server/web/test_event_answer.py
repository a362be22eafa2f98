"""Event streams over real sockets: they are kept alive, told from where they can be resumed, and freed at their end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ambassador_server.mcp.open_streams import OpenStream, OpenStreams
from ambassador_server.ports.face import Event
from ambassador_server.web import listener_bounds
from ambassador_server.web.event_answer import EventAnswer, send_events
from ambassador_server.web.keep_alive import KeepAlive
from ambassador_server.web.listener_bounds import ConnectionBounds, ConnectionCounts
from ambassador_server.web.listeners import Listener, listen
from tests.patience import PATIENCE

REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
COMMENT = b": keep-alive\n\n"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Listener]:
    app = web.Application()
    app.router.add_post("/", handler)
    listener = await listen(
        app,
        host="127.0.0.1",
        port=0,
        tls=None,
        drain_seconds=0.1,
        bounds=ConnectionBounds(total=100, per_address=100),
        counts=ConnectionCounts(),
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield listener
    finally:
        await listener.close()


@asynccontextmanager
async def asked(listener: Listener, times: int = 1) -> AsyncIterator[asyncio.StreamReader]:
    """Send a request, or several that are answered one after another, and close the connection in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    try:
        writer.write(REQUEST * times)
        yield reader
    finally:
        writer.close()


class Answers:
    """A handler that answers when it is told to, and remembers what became of it."""

    def __init__(self, first: Event | None = None, *, outlives: bool = False) -> None:
        self.keep_alive = KeepAlive(0.02)
        self.answer = asyncio.Event()
        self.begun = asyncio.Event()
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.events: EventAnswer | None = None
        self._first = first
        self._outlives = outlives

    async def handle(self, request: web.Request) -> web.StreamResponse:
        with EventAnswer(request, self.keep_alive) as events:
            self.events = events
            if self._outlives:
                events.outlive(lambda: self._first)
            self.begun.set()
            try:
                await self.answer.wait()
            except asyncio.CancelledError:
                self.done.set_result("cancelled")
                raise
            self.done.set_result("answered")
            if events.has_begun:
                return await events.end(Event(b'{"a":1}', "7"))
            return web.Response(body=b"plain")


async def test_a_long_answer_becomes_a_stream_that_is_kept_alive():
    answers = Answers()
    async with serving(answers.handle) as listener, asked(listener) as reader:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head
        await reader.readuntil(COMMENT)
        await reader.readuntil(COMMENT)
        answers.answer.set()
        await reader.readuntil(b'id: 7\ndata: {"a":1}\n\n')


async def test_a_stream_that_can_be_resumed_says_so_first():
    answers = Answers(Event(b"", "p-1"), outlives=True)
    async with serving(answers.handle) as listener, asked(listener) as reader:
        await reader.readuntil(b"\r\n\r\n")
        assert b"id: p-1\nretry: 1000\ndata: \n\n" in await reader.readuntil(b"data: \n\n")
        assert COMMENT in await reader.readuntil(COMMENT)


async def test_an_answer_in_time_is_no_stream():
    answers = Answers()
    answers.answer.set()
    async with serving(answers.handle) as listener, asked(listener) as reader:
        assert b"event-stream" not in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"plain"


@pytest.mark.parametrize("outlives", [False, True])
async def test_the_loss_of_a_connection_cancels_what_may_not_outlive_it(outlives: bool):
    answers = Answers(outlives=outlives)
    async with serving(answers.handle) as listener:
        async with asked(listener):
            await answers.begun.wait()
        if outlives:
            while listener.connections.open:  # noqa: ASYNC110 - another task ends it
                await asyncio.sleep(0.01)
            # Comments are due on a connection that is no more.
            assert answers.events is not None
            while not answers.events.has_begun:  # noqa: ASYNC110 - a timer begins it
                await asyncio.sleep(0.01)
            answers.answer.set()
        assert await answers.done == ("answered" if outlives else "cancelled")


async def test_a_request_outlives_its_connection_for_a_limited_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listener_bounds, "OUTLIVE_SECONDS", 0.05)
    answers = Answers(outlives=True)
    async with serving(answers.handle) as listener:
        async with asked(listener):
            await answers.begun.wait()
        assert await answers.done == "cancelled"


async def test_the_end_of_the_server_cancels_what_outlives_its_connection():
    answers = Answers(outlives=True)
    async with serving(answers.handle) as listener:
        async with asked(listener):
            await answers.begun.wait()
        while listener.connections.open:  # noqa: ASYNC110 - another task ends it
            await asyncio.sleep(0.01)
    assert await answers.done == "cancelled"


async def test_a_later_request_on_the_same_connection_does_not_outlive_it():
    first, second = Answers(outlives=True), Answers()
    first.answer.set()
    order = iter((first, second))

    async def handler(request: web.Request) -> web.StreamResponse:
        return await next(order).handle(request)

    async with serving(handler) as listener:
        async with asked(listener, 2) as reader:
            await reader.readuntil(b"plain")
            await second.begun.wait()
        assert (await first.done, await second.done) == ("answered", "cancelled")


async def test_an_open_stream_is_kept_alive_and_freed():
    streams = OpenStreams()
    opened: list[OpenStream] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        opened.append(streams.open("k1", b"last"))
        return await send_events(request, opened[-1], KeepAlive(0.02))

    async with serving(handler) as listener:
        async with asked(listener) as reader:
            await reader.readuntil(COMMENT)
            await reader.readuntil(COMMENT)
            opened[0].put(Event(b'{"b":\n2}', "9"))
            await reader.readuntil(b'id: 9\ndata: {"b": 2}\n\n')
            streams.close()
            await reader.readuntil(b"data: last\n\n")
            await reader.readuntil(b"0\r\n\r\n")
        streams = OpenStreams()
        async with asked(listener) as reader:
            await reader.readuntil(COMMENT)
            assert len(streams) == 1
        while len(streams):  # noqa: ASYNC110 - another task closes it
            await asyncio.sleep(0.01)
