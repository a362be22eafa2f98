"""The HTTP client of downstreams against a server that follows a script, byte by byte, on loopback."""

import asyncio
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ambassador_server.downstream.http import dial
from ambassador_server.downstream.http.client import HttpClient, encode_fields
from ambassador_server.downstream.http.connection import Connection, NoAnswerError, Response
from ambassador_server.downstream.http.dial import ServerAddress
from ambassador_server.downstream.http.pool import ConnectionPool
from ambassador_server.errors import DownstreamUnavailableError
from tests.effort import examples
from tests.server.downstream.certificates import make_certificate
from tests.server.downstream.support import PATIENCE

LIMIT = 1_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\nA;extension=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)
GET = b"GET / HTTP/1.1\r\n\r\n"
WITHOUT = "closed the connection without an answer"
MIDDLE = "closed the connection in the middle of its answer"
NOT_HTTP = "answered with something that is not HTTP"


class Peer:
    """One accepted connection, as the script sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def request(self) -> tuple[bytes, bytes]:
        """Return the head and the body of the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return head, await self.reader.readexactly(length)

    async def say(self, *pieces: bytes) -> None:
        """Send these pieces one by one."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            return


class Scripted:
    """A server whose connections follow one script; `seen` holds the requests by number of the connection."""

    def __init__(self, script: Callable[["Scripted", Peer], Awaitable[None]]) -> None:
        self.seen: list[tuple[int, bytes, bytes]] = []
        self.accepted = 0
        self.ended = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follow the script on one connection."""
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._script(self, Peer(self.accepted, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended.set()

    async def asked(self, peer: Peer) -> bytes:
        """Read the next request and return its body."""
        head, body = await peer.request()
        self.seen.append((peer.number, head, body))
        async with self._changed:
            self._changed.notify_all()
        return body

    async def asked_times(self, number: int) -> None:
        """Wait until this many requests have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.seen) >= number)


def answering(*pieces: bytes) -> Callable[[Scripted, Peer], Awaitable[None]]:
    """Return a script that answers every request with these pieces."""

    async def script(server: Scripted, peer: Peer) -> None:
        while True:
            await server.asked(peer)
            await peer.say(*pieces)

    return script


def once(*pieces: bytes) -> Callable[[Scripted, Peer], Awaitable[None]]:
    """Return a script that answers one request with these pieces and closes."""

    async def script(server: Scripted, peer: Peer) -> None:
        await server.asked(peer)
        await peer.say(*pieces)

    return script


@asynccontextmanager
async def listening(
    script: Callable[[Scripted, Peer], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Scripted, int]]:
    """Run a scripted server on a free port."""
    scripted = Scripted(script)
    async with asyncio.timeout(PATIENCE):
        server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=tls)
        try:
            yield scripted, server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await server.wait_closed()
            await asyncio.gather(*scripted.tasks)


@asynccontextmanager
async def world(
    script: Callable[[Scripted, Peer], Awaitable[None]], **fields: str
) -> AsyncIterator[tuple[Scripted, HttpClient]]:
    """Run a scripted server and a client for it."""
    async with listening(script) as (scripted, port):
        client = HttpClient(URL(f"http://127.0.0.1:{port}/mcp?x=1"), fields, None)
        try:
            yield scripted, client
        finally:
            await client.close()


@asynccontextmanager
async def bounded(
    script: Callable[[Scripted, Peer], Awaitable[None]], *, most: int, idle_seconds: float = 60.0
) -> AsyncIterator[tuple[Scripted, ConnectionPool]]:
    """Run a scripted server and a pool with these bounds."""
    async with listening(script) as (scripted, port):
        connections = ConnectionPool(
            ServerAddress("127.0.0.1", port, None), max_connections=most, idle_seconds=idle_seconds
        )
        try:
            yield scripted, connections
        finally:
            await connections.close()


async def exchange(connections: ConnectionPool) -> bytes:
    connection = await connections.acquire()
    response = await connection.exchange(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", b"{}")
    return await response.read(LIMIT)


async def settled() -> None:
    """Let the event loop notice what the other side has done."""
    for _ in range(20):
        await asyncio.sleep(0)


async def hold(server: Scripted, peer: Peer) -> None:
    await server.asked(peer)
    await peer.gone()


async def ask(client: HttpClient, body: bytes = b"{}", limit: int = LIMIT) -> bytes:
    response = await client.post(b"", body)
    try:
        return await response.read(limit)
    finally:
        response.close()


async def test_a_request_is_valid_http_and_its_connection_is_reused():
    async with world(answering(OK), Authorization="Bearer grüße") as (server, client):
        response = await client.post(encode_fields({"X-One": "1"}), b"hello")
        assert (response.status, await response.read(LIMIT)) == (200, b"ok")
        for _ in range(5):
            assert await ask(client) == b"ok"
        answer = await client.delete(b"")
        assert await answer.read(LIMIT) == b"ok"
    (_, head, body), *_, (_, delete, _) = server.seen
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /mcp?x=1 HTTP/1.1"
    assert lines[1].startswith("Host: 127.0.0.1:")
    assert lines[2:] == ["Authorization: Bearer grüße", "X-One: 1", "Content-Length: 5", "", ""]
    assert body == b"hello"
    assert delete.startswith(b"DELETE /mcp?x=1 HTTP/1.1\r\n")
    assert b"Content-Length" not in delete
    assert server.accepted == 1


async def test_the_latest_connection_is_reused_first_and_parallel_requests_have_separate_ones():
    meeting = asyncio.Event()

    async def script(server: Scripted, peer: Peer) -> None:
        while await server.asked(peer) != b"together" or await meeting.wait():
            await peer.say(OK)

    async with world(script) as (server, client):
        both = [asyncio.ensure_future(ask(client, b"together")) for _ in range(2)]
        await server.asked_times(2)
        meeting.set()
        await asyncio.gather(*both)
        for _ in range(4):
            await ask(client)
        assert server.accepted == 2
        assert len({number for number, _, _ in server.seen[2:]}) == 1


@examples(20)
@given(cuts=st.sets(st.integers(1, len(CHUNKED) - 1)))
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_chunked_answer_is_read_wherever_it_is_cut(run: Callable[[Awaitable[None]], None], cuts: set[int]):
    edges = [0, *sorted(cuts), len(CHUNKED)]
    pieces = [CHUNKED[start:end] for start, end in itertools.pairwise(edges)]

    async def read_twice() -> None:
        async with world(answering(*pieces)) as (server, client):
            for _ in range(2):
                response = await client.post(b"", b"{}")
                assert response.kind == "text/plain"
                assert await response.read(LIMIT) == b"abc0123456789"
            assert server.accepted == 1

    run(read_twice())


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([b"HTTP/1.1 200 OK\r\n\r\nun", b"til the end"], b"until the end"),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"], b"ok"),
        (
            [
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            ],
            b"ok",
        ),
    ],
)
async def test_an_answer_that_ends_its_connection_is_complete_and_the_next_has_a_new_one(
    pieces: list[bytes], body: bytes
):
    async with world(once(*pieces)) as (server, client):
        assert await ask(client) == body
        assert await ask(client) == body
        assert server.accepted == 2


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, b""),
    ],
)
@pytest.mark.parametrize("split", [False, True])
async def test_an_answer_that_keeps_its_connection(answer: bytes, status: int, body: bytes, split: bool):
    pieces = [bytes([byte]) for byte in answer] if split else [answer]
    async with world(answering(*pieces)) as (server, client):
        for _ in range(3):
            response = await client.post(b"", b"{}")
            assert (response.status, await response.read(LIMIT)) == (status, body)
        assert server.accepted == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", NOT_HTTP),
        (b"HTTP/1.1 OK\r\n\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 " + b"x" * 20_000, NOT_HTTP),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "another protocol",
        ),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "another protocol"),
        (b"", WITHOUT),
        (b"HTTP/1.1 200 OK\r\nContent-Le", WITHOUT),
        (b"HTTP/1.1 100 Continue\r\n\r\n", WITHOUT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", MIDDLE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", MIDDLE),
    ],
)
async def test_a_malformed_answer_is_an_error_and_the_request_is_not_repeated(answer: bytes, text: str):
    async with world(once(answer)) as (server, client):
        with pytest.raises(NoAnswerError, match=text):
            await ask(client)
        assert len(server.seen) == 1


async def test_a_connection_that_the_server_closed_while_idle_is_not_used():
    async with world(once(OK)) as (server, client):
        for _ in range(3):
            server.ended.clear()
            assert await ask(client) == b"ok"
            await server.ended.wait()
            await settled()
        assert server.accepted == 3


async def test_a_close_that_crosses_the_request_fails_it_without_a_second_attempt():
    async def script(server: Scripted, peer: Peer) -> None:
        await server.asked(peer)
        await peer.say(OK)
        # Accept the second request and close as if it had come too late.
        await server.asked(peer)

    async with world(script) as (server, client):
        assert await ask(client) == b"ok"
        with pytest.raises(NoAnswerError, match=WITHOUT):
            await ask(client)
        assert len(server.seen) == 2


@pytest.mark.parametrize("surplus", [b"x", OK, b"HTTP/1.1 200 OK\r\nContent-"])
@pytest.mark.parametrize("together", [False, True])
async def test_a_connection_with_bytes_after_the_answer_is_closed(surplus: bytes, together: bool):
    async def script(server: Scripted, peer: Peer) -> None:
        await server.asked(peer)
        await peer.say(*([OK + surplus] if together else [OK, surplus]))
        await peer.gone()

    async with world(script) as (server, client):
        for _ in range(2):
            server.ended.clear()
            try:
                assert await ask(client) == b"ok"
            except NoAnswerError:
                # Garbage in the same segment may be found before the answer is used.
                assert surplus == b"x"
            await server.ended.wait()
            await settled()
        assert server.accepted == 2


async def test_cancelling_closes_the_connection_at_once():
    async def script(server: Scripted, peer: Peer) -> None:
        await server.asked(peer)
        await peer.gone()

    async with world(script) as (server, client):
        asking = asyncio.ensure_future(ask(client))
        await server.asked_times(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.ended.wait()


async def test_cancelling_after_the_whole_answer_leaves_the_next_request_alone():
    class Hurried:
        """Starts the next request on the connection before the last caller has seen its answer."""

        def opened(self, connection: Connection) -> None:
            self.first = asyncio.ensure_future(connection.exchange(GET, b""))
            self.second: asyncio.Future[Response] | None = None

        def released(self, connection: Connection) -> None:
            if self.second is None:
                self.first.cancel()
                self.second = asyncio.ensure_future(connection.exchange(GET, b""))

        def lost(self, connection: Connection) -> None:
            pass

    owner = Hurried()
    async with listening(answering(OK)) as (server, port):
        loop = asyncio.get_running_loop()
        connection = await dial.connect(
            ServerAddress("127.0.0.1", port, None), lambda: Connection(loop, owner)
        )
        with pytest.raises(asyncio.CancelledError):
            await owner.first
        assert owner.second is not None
        assert await (await owner.second).read(LIMIT) == b"ok"
        assert len(server.seen) == 2
        connection.abort()


async def test_a_body_that_stalls_ends_with_the_deadline_of_the_caller():
    async def script(server: Scripted, peer: Peer) -> None:
        await server.asked(peer)
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")
        await peer.gone()

    async with world(script) as (server, client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(client)
        await server.ended.wait()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
    ],
)
async def test_a_body_beyond_the_limit_is_refused(answer: bytes):
    async with world(once(answer)) as (_, client):
        with pytest.raises(DownstreamUnavailableError, match="answered with more than 100 bytes"):
            await ask(client, limit=100)


async def test_a_body_of_exactly_the_limit_is_taken():
    async with world(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"x" * 100)) as (_, client):
        assert await ask(client, limit=100) == b"x" * 100


async def test_a_sender_that_is_faster_than_its_reader_is_slowed_down():
    sent = 0
    size = 64 * 1024 * 1024

    async def script(server: Scripted, peer: Peer) -> None:
        nonlocal sent
        await server.asked(peer)
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * 65536
        while sent < size:
            await peer.say(block)
            sent += len(block)
        await peer.gone()

    async with world(script) as (_, client):
        response = await client.post(b"", b"{}")
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < size / 2, "without a reader it must have stopped"
        assert sum([len(chunk) async for chunk in response.chunks()]) == size
        assert response.is_complete


async def test_a_large_request_is_sent_completely():
    async def script(server: Scripted, peer: Peer) -> None:
        while True:
            body = await server.asked(peer)
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%08d" % len(body))

    async with world(script) as (server, client):
        for size in (0, 1, 65536, 65537, 20_000_000):
            assert int(await ask(client, b"x" * size)) == size
        assert server.accepted == 1


async def test_an_answer_before_the_end_of_the_request_counts_and_its_connection_is_closed():
    async def script(server: Scripted, peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        server.seen.append((peer.number, b"", b""))
        await peer.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await peer.gone()

    async with world(script) as (server, client):
        response = await client.post(b"", b"x" * 50_000_000)
        assert response.status == 413
        response = await client.post(b"", b"x" * 50_000_000)
        assert server.accepted == 2


async def test_connections_are_bounded_and_a_waiting_request_gets_the_first_free_one():
    held = asyncio.Event()

    async def script(server: Scripted, peer: Peer) -> None:
        while True:
            await server.asked(peer)
            await held.wait()
            await peer.say(OK)

    async with bounded(script, most=2) as (server, connections):
        calls = [asyncio.ensure_future(exchange(connections)) for _ in range(8)]
        given_up = asyncio.ensure_future(exchange(connections))
        await server.asked_times(2)
        await settled()
        assert server.accepted == 2
        given_up.cancel()
        held.set()
        assert await asyncio.gather(*calls) == [b"ok"] * 8
        assert server.accepted == 2


async def test_a_request_that_waits_for_a_connection_fails_when_the_client_is_closed():
    async with bounded(hold, most=1) as (server, connections):
        calls = [asyncio.ensure_future(exchange(connections)) for _ in range(3)]
        await server.asked_times(1)
        await connections.close()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [NoAnswerError] * 3
        with pytest.raises(NoAnswerError, match="was stopped"):
            await connections.acquire()


async def test_a_failed_call_makes_room_for_one_that_waits():
    async with bounded(once(b""), most=1) as (server, connections):
        calls = [exchange(connections) for _ in range(4)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [NoAnswerError] * 4
        assert server.accepted == 4


async def test_an_idle_connection_is_closed_after_a_while():
    async with bounded(answering(OK), most=1, idle_seconds=0.05) as (server, connections):
        assert await exchange(connections) == b"ok"
        await server.ended.wait()
        await settled()
        assert await exchange(connections) == b"ok"
        assert server.accepted == 2


async def test_a_connection_with_bytes_before_the_first_request_is_closed():
    async def script(_: Scripted, peer: Peer) -> None:
        await peer.say(OK)
        await peer.gone()

    async with bounded(script, most=1) as (server, connections):
        connection = await connections.acquire()
        await server.ended.wait()
        await settled()
        with pytest.raises(NoAnswerError, match=WITHOUT):
            await connection.exchange(b"POST / HTTP/1.1\r\n\r\n", b"")


async def test_tls_is_verified_and_connections_are_reused(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)
    async with listening(answering(CHUNKED), serving) as (server, port):
        for host, context, text in (
            ("127.0.0.1", ssl.create_default_context(), "its certificate is not trusted: self"),
            ("localhost", trusting, "its certificate is not trusted: Hostname mismatch"),
        ):
            untrusting = HttpClient(URL(f"https://{host}:{port}/"), {}, context)
            with pytest.raises(NoAnswerError, match=text):
                await ask(untrusting)
            await untrusting.close()
        assert server.seen == []
        client = HttpClient(URL(f"https://127.0.0.1:{port}/"), {}, trusting)
        for size in (1, 1_000_000):
            assert await ask(client, b"x" * size) == b"abc0123456789"
        assert len({number for number, _, _ in server.seen}) == 1
        await client.close()


@pytest.mark.parametrize("head", [b"Content-Length: 8000000\r\nConnection: close\r\n", b""])
async def test_a_large_answer_over_tls_that_ends_its_connection_is_complete(tmp_path: Path, head: bytes):
    certificate, key = make_certificate(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate, key)
    script = once(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n", b"x" * 8_000_000)
    async with listening(script, serving) as (_, port):
        trusting = ssl.create_default_context(cafile=certificate)
        client = HttpClient(URL(f"https://127.0.0.1:{port}/"), {}, trusting)
        assert len(await ask(client, limit=8_000_000)) == 8_000_000
        await client.close()


async def test_tls_to_a_plain_http_port_fails_to_connect():
    async def script(_: Scripted, peer: Peer) -> None:
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async with listening(script) as (_, port):
        client = HttpClient(URL(f"https://127.0.0.1:{port}/"), {}, ssl.create_default_context())
        with pytest.raises(NoAnswerError, match=f"cannot connect to 127.0.0.1:{port}: "):
            await ask(client)
        await client.close()


async def test_a_name_that_does_not_resolve_is_named_in_the_error():
    for host in ("name.invalid", "x" * 64 + ".invalid"):
        with pytest.raises(NoAnswerError, match=f"host name '{host}' cannot be resolved"):
            await ConnectionPool(ServerAddress(host, 80, None)).acquire()


async def test_a_connection_that_is_not_accepted_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dial, "CONNECT_SECONDS", 0.05)
    # The server never answers the TLS handshake.
    async with listening(hold) as (_, port):
        pool = ConnectionPool(ServerAddress("127.0.0.1", port, ssl.create_default_context()))
        with pytest.raises(NoAnswerError, match="did not accept a connection within"):
            await pool.acquire()
        await pool.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nY: b"),
        ("X", "a\nY: b"),
        ("X", "a\0"),
        ("X", "a\x7f"),
        ("X\r\nY", "a"),
        ("", "a"),
        ("X Y", "a"),
        ("X:", "a"),
    ],
)
def test_an_invalid_header_is_refused(name: str, value: str):
    with pytest.raises(DownstreamUnavailableError, match="header"):
        encode_fields({name: value})


@given(st.text(), st.text())
def test_an_encoded_header_is_one_line_or_refused(name: str, value: str):
    try:
        line = encode_fields({name: value})
    except DownstreamUnavailableError:
        return
    assert line.endswith(b"\r\n")
    assert not {0, 10, 13} & set(line[:-2])
