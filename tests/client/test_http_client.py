"""The HTTP link against servers that behave badly at the level of bytes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ambassador_client.account.tls import ssl_context
from ambassador_client.errors import BadAnswerError, TooLargeError, UnreachableError
from ambassador_client.link import http_client
from ambassador_client.link.http_client import HttpClient, HttpLimits, HttpRequest
from ambassador_protocol.mcp import MAX_CALL_SECONDS
from ambassador_server.services.registry import mcp_facts

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CALL = HttpRequest("POST", "/mcp", [("Content-Type", "application/json")], b'{"call":1}', replayable=False)
LIST = CALL._replace(replayable=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """A server that does with each connection what it is told, and counts."""

    def __init__(self, *behaviours: Handler) -> None:
        self._behaviours = list(behaviours)
        self.connections = 0
        self.url = ""
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behaviour = self._behaviours[min(self.connections, len(self._behaviours) - 1)]
        self.connections += 1
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.hung_up.set()


@asynccontextmanager
async def wire(*behaviours: Handler) -> AsyncIterator[Wire]:
    served = Wire(*behaviours)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(len(CALL.body))


def answering(*answers: bytes) -> Handler:
    """Answer one request after another, then hang up."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)

    return behave


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def ask(link: HttpClient, request: HttpRequest) -> bytes:
    async with link.exchange(request) as response:
        return (await response.read()).body


@asynccontextmanager
async def linked(url: str, **limits: float) -> AsyncIterator[HttpClient]:
    link = HttpClient(url, None, HttpLimits(**limits))  # type: ignore[arg-type] # times are floats, sizes stay as they are
    try:
        yield link
    finally:
        link.close()
        await asyncio.sleep(0)


async def test_a_connection_is_used_again():
    async with wire(answering(OK, OK, OK)) as served, linked(served.url) as link:
        assert [await ask(link, CALL) for _ in range(3)] == [b"{}"] * 3
        assert served.connections == 1


async def test_a_connection_the_server_closed_is_not_used_again():
    async with wire(answering(OK)) as served, linked(served.url) as link:
        await ask(link, CALL)
        await served.hung_up.wait()
        assert await ask(link, CALL) == b"{}"
        assert served.connections == 2


async def test_a_connection_is_not_used_again_after_the_machine_has_slept(monkeypatch: pytest.MonkeyPatch):
    """Only one of the clocks goes on while a machine sleeps, and the server has long forgotten the connection."""
    slept = 0.0
    monkeypatch.setattr(http_client, "_clocks", lambda: (time.monotonic(), time.time() + slept))
    async with wire(answering(OK, OK), answering(OK)) as served, linked(served.url) as link:
        await ask(link, CALL)
        await ask(link, CALL)
        assert served.connections == 1
        slept = 3600.0
        await ask(link, CALL)
        assert served.connections == 2


async def test_answers_that_together_are_too_large_are_refused():
    def body(size: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size

    async with (
        wire(answering(body(4000), body(4000), body(2000)), answering(body(4000))) as served,
        linked(served.url, buffered_bytes=5000) as link,
    ):
        # What was handed on does not count any more.
        assert [len(await ask(link, CALL)) for _ in range(2)] == [4000, 4000]
        async with link.exchange(CALL) as response:
            await response.read()
            with pytest.raises(TooLargeError, match="together"):
                await ask(link, CALL)
        assert len(await ask(link, CALL)) == 4000


async def test_what_passes_the_queue_is_bounded_too():
    release = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await release.wait()
            writer.write(OK)

    async def with_priority(link: HttpClient) -> int:
        async with link.exchange(CALL, priority=True) as response:
            return (await response.read()).status

    async with wire(hold) as served, linked(served.url, connections=1, priority=2) as link:
        call = asyncio.create_task(ask(link, CALL))
        others = [asyncio.create_task(with_priority(link)) for _ in range(10)]
        release.set()
        async with asyncio.timeout(10):
            assert await asyncio.gather(*others) == [200] * 10
            assert await call == b"{}"
        assert served.connections <= 3


async def hang_up_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(OK)
    await read_request(reader)


async def test_a_call_on_a_dying_connection_is_not_sent_twice():
    async with wire(hang_up_on_the_second, answering(OK)) as served, linked(served.url) as link:
        await ask(link, CALL)
        with pytest.raises(UnreachableError, match="may have run"):
            await ask(link, CALL)
        assert served.connections == 1


async def test_a_list_on_a_dying_connection_is_sent_again():
    async with wire(hang_up_on_the_second, answering(OK)) as served, linked(served.url) as link:
        await ask(link, CALL)
        assert await ask(link, LIST) == b"{}"
        assert served.connections == 2


async def test_a_fresh_connection_that_dies_is_not_replaced():
    async with wire(answering(b"")) as served, linked(served.url) as link:
        with pytest.raises(UnreachableError):
            await ask(link, LIST)
        assert served.connections == 1


async def test_an_answer_that_breaks_off_is_not_asked_for_again():
    cut = OK[:-1]
    async with wire(answering(OK, cut), answering(OK)) as served, linked(served.url) as link:
        await ask(link, LIST)
        with pytest.raises(UnreachableError, match="broke before the answer was complete"):
            await ask(link, LIST)
        assert served.connections == 1


async def test_leaving_early_closes_the_connection():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        await reader.read()

    async with wire(stream) as served, linked(served.url) as link:
        async with link.exchange(CALL) as response:
            events = response.events()
            assert await anext(events) == b"1"
        await asyncio.wait_for(served.hung_up.wait(), 5)
        await events.aclose()


async def test_cancelling_before_the_head_closes_the_connection():
    async with wire(silent) as served, linked(served.url) as link:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(link, CALL)
        await asyncio.wait_for(served.hung_up.wait(), 5)


async def test_a_silent_server_is_given_up():
    async with wire(silent) as served, linked(served.url, answer=0.1) as link:
        with pytest.raises(UnreachableError, match=r"gave no answer within 0\.1 s"):
            await ask(link, CALL)


async def test_a_silent_server_is_given_up_by_the_control_requests():
    async with wire(silent) as served, linked(served.url, control=0.1) as link:
        with pytest.raises(UnreachableError, match=r"gave no answer within 0\.1 s"):
            await link.fetch(CALL)


async def test_a_server_that_falls_silent_in_its_answer_is_given_up():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK[:-1])
        await reader.read()

    async with wire(half) as served, linked(served.url, answer=0.1) as link:
        with pytest.raises(UnreachableError, match="gave no answer"):
            await ask(link, CALL)


async def test_a_handshake_that_never_ends_is_given_up():
    async with wire(silent) as served:
        link = HttpClient(
            served.url.replace("http", "https"), ssl_context(ca_file=None), HttpLimits(connect=0.2)
        )
        with pytest.raises(UnreachableError, match="the connection timed out"):
            await ask(link, CALL)


@pytest.mark.parametrize("head", [b"Content-Length: 2000000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_an_answer_above_the_limit_is_refused(head: bytes):
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for _ in range(20):
            piece = b"x" * 100_000
            writer.write(b"186a0\r\n" + piece + b"\r\n" if b"chunked" in head else piece)
            await writer.drain()
        await reader.read()

    async with wire(endless) as served, linked(served.url, answer_bytes=1 << 20) as link:
        with pytest.raises(TooLargeError, match="larger than 1 MB"):
            await ask(link, CALL)
        await asyncio.wait_for(served.hung_up.wait(), 5)


async def test_an_event_above_the_limit_is_refused():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    stream = b"data: 1\n\n" + b"data: " + b"x" * (2 << 20)
    async with (
        wire(answering(head + stream)) as served,
        linked(served.url, answer_bytes=1 << 20) as link,
        link.exchange(CALL) as response,
    ):
        with pytest.raises(TooLargeError, match="an event of more than 1048576 bytes"):
            assert [event async for event in response.events()] == [b"1"]


@pytest.mark.parametrize("rubbish", [b"SSH-2.0-OpenSSH\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"hello"])
async def test_a_server_that_does_not_speak_http_is_named(rubbish: bytes):
    async with wire(answering(rubbish)) as served, linked(served.url) as link:
        with pytest.raises(BadAnswerError, match="does not answer in HTTP"):
            await ask(link, CALL)


async def test_a_refusal_before_a_large_body_is_read_is_heard():
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        await reader.read()

    async with (
        wire(refuse) as served,
        linked(served.url) as link,
        link.exchange(CALL._replace(body=b"x" * (32 << 20))) as response,
    ):
        assert response.status == 413
        assert (await response.read()).body == b"no"


async def test_informational_answers_are_passed_over():
    async with (
        wire(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)) as served,
        linked(served.url) as link,
    ):
        assert await ask(link, CALL) == b"{}"


async def test_connections_are_bounded_and_the_rest_wait():
    release = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await release.wait()
            writer.write(OK)

    async with wire(hold) as served, linked(served.url, connections=3) as link:
        tasks = [asyncio.create_task(ask(link, CALL)) for _ in range(10)]
        # A control request does not wait behind the calls.
        control = asyncio.create_task(link.fetch(CALL))
        release.set()
        async with asyncio.timeout(10):
            assert await asyncio.gather(*tasks) == [b"{}"] * 10
            assert (await control).status == 200
        assert served.connections <= 4


async def test_an_unknown_host_name_is_said_so():
    with pytest.raises(UnreachableError, match="the host name cannot be resolved"):
        await ask(HttpClient("http://host.invalid:80", None), CALL)


async def test_a_refused_port_is_said_so_for_a_name_with_several_addresses():
    free = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    with pytest.raises(UnreachableError, match="connection refused"):
        await ask(HttpClient(f"http://localhost:{port}", None), CALL)


async def test_the_request_is_what_was_asked_for():
    seen = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with wire(note) as served, linked(f"{served.url}/base") as link:
        await ask(link, CALL)
    assert seen == [
        b"POST /base/mcp HTTP/1.1\r\nHost: " + served.url.removeprefix("http://").encode() + b"\r\n"
        b'Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"call":1}'
    ]


def test_nobody_loses_patience_before_the_server_may():
    assert HttpLimits().answer > MAX_CALL_SECONDS == mcp_facts.MAX_CALL_SECONDS
