"""The HTTP client against servers that misbehave at byte level."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ambassador_client.account.tls import ssl_context
from ambassador_client.errors import BadAnswerError, ClientError, TooLargeError, UnreachableError
from ambassador_client.link import http_client
from ambassador_client.link.http_client import HttpClient, HttpLimits, HttpRequest
from ambassador_protocol.mcp import MAX_CALL_SECONDS
from ambassador_server.services.registry import transform_checks
from tests.patience import PATIENCE

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CALL = HttpRequest("POST", "/mcp", [("Content-Type", "application/json")], b'{"call":1}', replayable=False)
LIST = CALL._replace(replayable=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class ScriptedServer:
    """A server that runs a given handler for each connection and counts connections."""

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
async def scripted_server(*behaviours: Handler) -> AsyncIterator[ScriptedServer]:
    served = ScriptedServer(*behaviours)
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
    """Answer the requests in order, then close the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await read_request(reader)
            writer.write(answer)

    return behave


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def ask(client: HttpClient, request: HttpRequest) -> bytes:
    async with client.exchange(request) as response:
        return (await response.read()).body


@asynccontextmanager
async def http_client_for(url: str, **limits: float) -> AsyncIterator[HttpClient]:
    client = HttpClient(url, None, HttpLimits(**limits))  # type: ignore[arg-type] # times are floats, sizes stay as they are
    try:
        yield client
    finally:
        client.close()
        await asyncio.sleep(0)


async def test_a_connection_is_reused():
    async with scripted_server(answering(OK, OK, OK)) as served, http_client_for(served.url) as client:
        assert [await ask(client, CALL) for _ in range(3)] == [b"{}"] * 3
        assert served.connections == 1


async def test_a_closed_connection_is_not_reused():
    async with scripted_server(answering(OK)) as served, http_client_for(served.url) as client:
        await ask(client, CALL)
        await served.hung_up.wait()
        assert await ask(client, CALL) == b"{}"
        assert served.connections == 2


async def test_a_connection_is_not_reused_after_sleep(monkeypatch: pytest.MonkeyPatch):
    """During sleep only one of the clocks advances, while the server closes the connection."""
    slept = 0.0
    monkeypatch.setattr(http_client, "_clocks", lambda: (time.monotonic(), time.time() + slept))
    async with (
        scripted_server(answering(OK, OK), answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        await ask(client, CALL)
        await ask(client, CALL)
        assert served.connections == 1
        slept = 3600.0
        await ask(client, CALL)
        assert served.connections == 2


async def test_the_total_size_of_buffered_responses_is_limited():
    def body(size: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size

    async with (
        scripted_server(answering(body(4000), body(4000), body(2000)), answering(body(4000))) as served,
        http_client_for(served.url, buffered_bytes=5000) as client,
    ):
        # Delivered responses no longer count.
        assert [len(await ask(client, CALL)) for _ in range(2)] == [4000, 4000]
        async with client.exchange(CALL) as response:
            await response.read()
            with pytest.raises(TooLargeError, match="together"):
                await ask(client, CALL)
        assert len(await ask(client, CALL)) == 4000


async def test_priority_requests_are_limited_too():
    release = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await release.wait()
            writer.write(OK)

    async def with_priority(client: HttpClient) -> int:
        async with client.exchange(CALL, priority=True) as response:
            return (await response.read()).status

    async with (
        scripted_server(hold) as served,
        http_client_for(served.url, connections=1, priority=2) as client,
    ):
        call = asyncio.create_task(ask(client, CALL))
        others = [asyncio.create_task(with_priority(client)) for _ in range(10)]
        release.set()
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*others) == [200] * 10
            assert await call == b"{}"
        assert served.connections <= 3


async def hang_up_on_the_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(OK)
    await read_request(reader)


async def test_a_call_on_a_broken_connection_is_not_repeated():
    async with (
        scripted_server(hang_up_on_the_second, answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        await ask(client, CALL)
        with pytest.raises(UnreachableError, match="may have run"):
            await ask(client, CALL)
        assert served.connections == 1


async def test_a_list_on_a_broken_connection_is_repeated():
    async with (
        scripted_server(hang_up_on_the_second, answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        await ask(client, CALL)
        assert await ask(client, LIST) == b"{}"
        assert served.connections == 2


async def test_a_broken_new_connection_is_not_replaced():
    async with scripted_server(answering(b"")) as served, http_client_for(served.url) as client:
        with pytest.raises(UnreachableError):
            await ask(client, LIST)
        assert served.connections == 1


async def test_a_request_with_an_incomplete_response_is_not_repeated():
    cut = OK[:-1]
    async with (
        scripted_server(answering(OK, cut), answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        await ask(client, LIST)
        with pytest.raises(UnreachableError, match="broke before the answer was complete"):
            await ask(client, LIST)
        assert served.connections == 1


HEAD = OK.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def resetting(*answers: bytes, reset: bool) -> Handler:
    """Answer the requests in order, then end the connection, with a reset or in an orderly way."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(*answers)(reader, writer)
        await writer.drain()
        if reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    return behave


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
@pytest.mark.parametrize("length", [1, 5, 9, 12, 17, 40, len(HEAD) - 1, len(HEAD)])
@pytest.mark.parametrize("reused", [True, False], ids=["reused", "new"])
async def test_a_call_may_have_run_if_the_connection_breaks_at_any_byte_of_the_head(
    length: int, reset: bool, reused: bool
):
    before = (OK,) if reused else ()
    async with (
        scripted_server(resetting(*before, OK[:length], reset=reset), answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        for _ in before:
            await ask(client, LIST)
        with pytest.raises(UnreachableError, match="may have run"):
            await ask(client, CALL)
        assert served.connections == 1


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n\r\n", OK[:20] + b"\0\r\n\r\n", b"H" * (1 << 20)])
async def test_a_call_may_have_run_if_its_answer_is_not_http(answer: bytes):
    async with (
        scripted_server(answering(OK, answer), answering(OK)) as served,
        http_client_for(served.url) as client,
    ):
        await ask(client, LIST)
        with pytest.raises(ClientError, match="may have run"):
            await ask(client, CALL)
        assert served.connections == 1


async def test_leaving_the_exchange_early_closes_the_connection():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(head)
        await reader.read()

    async with scripted_server(stream) as served, http_client_for(served.url) as client:
        async with client.exchange(CALL) as response:
            events = response.events()
            assert await anext(events) == b"1"
        await asyncio.wait_for(served.hung_up.wait(), PATIENCE)
        await events.aclose()


async def test_cancelling_before_the_head_closes_the_connection():
    async with scripted_server(silent) as served, http_client_for(served.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(client, CALL)
        await asyncio.wait_for(served.hung_up.wait(), PATIENCE)


async def test_a_request_to_a_silent_server_times_out():
    async with scripted_server(silent) as served, http_client_for(served.url, answer=0.1) as client:
        with pytest.raises(UnreachableError, match=r"gave no answer within 0\.1 s"):
            await ask(client, CALL)


async def test_a_control_request_to_a_silent_server_times_out():
    async with scripted_server(silent) as served, http_client_for(served.url, control=0.1) as client:
        with pytest.raises(UnreachableError, match=r"gave no answer within 0\.1 s"):
            await client.fetch(CALL)


async def test_a_response_that_stops_times_out():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK[:-1])
        await reader.read()

    async with scripted_server(half) as served, http_client_for(served.url, answer=0.1) as client:
        with pytest.raises(UnreachableError, match="gave no answer"):
            await ask(client, CALL)


async def test_an_endless_tls_handshake_times_out():
    async with scripted_server(silent) as served:
        client = HttpClient(
            served.url.replace("http", "https"), ssl_context(ca_file=None), HttpLimits(connect=0.2)
        )
        with pytest.raises(UnreachableError, match="the connection timed out"):
            await ask(client, CALL)


@pytest.mark.parametrize("head", [b"Content-Length: 2000000\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_response_above_the_limit_is_refused(head: bytes):
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for _ in range(20):
            piece = b"x" * 100_000
            writer.write(b"186a0\r\n" + piece + b"\r\n" if b"chunked" in head else piece)
            await writer.drain()
        await reader.read()

    async with (
        scripted_server(endless) as served,
        http_client_for(served.url, answer_bytes=1 << 20) as client,
    ):
        with pytest.raises(TooLargeError, match="larger than 1 MB"):
            await ask(client, CALL)
        await asyncio.wait_for(served.hung_up.wait(), PATIENCE)


async def test_an_event_above_the_limit_is_refused():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    stream = b"data: 1\n\n" + b"data: " + b"x" * (2 << 20)
    async with (
        scripted_server(answering(head + stream)) as served,
        http_client_for(served.url, answer_bytes=1 << 20) as client,
        client.exchange(CALL) as response,
    ):
        with pytest.raises(TooLargeError, match="an event of more than 1048576 bytes"):
            assert [event async for event in response.events()] == [b"1"]


@pytest.mark.parametrize("rubbish", [b"SSH-2.0-OpenSSH\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"hello"])
async def test_a_server_that_does_not_speak_http_is_reported(rubbish: bytes):
    async with scripted_server(answering(rubbish)) as served, http_client_for(served.url) as client:
        with pytest.raises(BadAnswerError, match="does not answer in HTTP"):
            await ask(client, CALL)


async def test_a_refusal_before_the_body_is_read_is_received():
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await writer.drain()
        await reader.read()

    async with (
        scripted_server(refuse) as served,
        http_client_for(served.url) as client,
        client.exchange(CALL._replace(body=b"x" * (32 << 20))) as response,
    ):
        assert response.status == 413
        assert (await response.read()).body == b"no"


async def test_informational_responses_are_skipped():
    async with (
        scripted_server(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)) as served,
        http_client_for(served.url) as client,
    ):
        assert await ask(client, CALL) == b"{}"


async def test_the_number_of_connections_is_limited():
    release = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await release.wait()
            writer.write(OK)

    async with scripted_server(hold) as served, http_client_for(served.url, connections=3) as client:
        tasks = [asyncio.create_task(ask(client, CALL)) for _ in range(10)]
        # A control request does not wait behind the calls.
        control = asyncio.create_task(client.fetch(CALL))
        release.set()
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*tasks) == [b"{}"] * 10
            assert (await control).status == 200
        assert served.connections <= 4


async def test_an_unresolvable_host_name_is_reported():
    with pytest.raises(UnreachableError, match="the host name cannot be resolved"):
        await ask(HttpClient("http://host.invalid:80", None), CALL)


async def test_a_refused_port_is_reported_for_a_name_with_several_addresses():
    free = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    with pytest.raises(UnreachableError, match="connection refused"):
        await ask(HttpClient(f"http://localhost:{port}", None), CALL)


async def test_the_request_is_sent_as_given():
    seen = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)

    async with scripted_server(note) as served, http_client_for(f"{served.url}/base") as client:
        await ask(client, CALL)
    assert seen == [
        b"POST /base/mcp HTTP/1.1\r\nHost: " + served.url.removeprefix("http://").encode() + b"\r\n"
        b'Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"call":1}'
    ]


def test_the_response_timeout_exceeds_the_servers_limit():
    assert HttpLimits().answer > MAX_CALL_SECONDS == transform_checks.MAX_CALL_SECONDS
