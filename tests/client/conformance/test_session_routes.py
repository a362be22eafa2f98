"""The added session routes change nothing that the suite checks; only the client's credential is removed."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.client.conformance.session_routes import SessionRoutes, session_routes
from tests.client.fake_server import KEY

BODY = b' {"jsonrpc": "2.0",\t"id": 12345678901234567890, "method": "ping", "x": "\\u00fc\xc3\xbc"} '
ANSWER = gzip.compress(b'{ "jsonrpc":"2.0"}', mtime=0)


class Target:
    """A server that records the bytes it receives and sends the second half of its answer on command."""

    def __init__(self) -> None:
        self.received = b""
        self.go_on = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.received = head + await reader.readexactly(len(BODY))
        writer.write(b"HTTP/1.1 418 Teapot\r\nX-Odd: one\r\nX-Odd: two\r\nContent-Encoding: gzip\r\n")
        writer.write(b"Content-Type: Application/JSON;x=1\r\nConnection: close\r\n\r\n")
        writer.write(ANSWER[:7])
        await self.go_on.wait()
        writer.write(ANSWER[7:])
        writer.close()


@asynccontextmanager
async def with_session_routes() -> AsyncIterator[tuple[SessionRoutes, Target]]:
    target = Target()
    async with await asyncio.start_server(target.serve, "127.0.0.1", 0) as listening:
        target.port = listening.sockets[0].getsockname()[1]
        async with asyncio.timeout(20), session_routes(f"http://localhost:{target.port}/a%2Fb") as running:
            yield running, target


async def test_every_byte_is_passed_on_unchanged_and_at_once():
    headers = {"Authorization": f"Bearer {KEY}", "Mcp-Param-X": "=?base64?w7w=?=", "Mcp-Method": "ping"}
    async with (
        with_session_routes() as (running, target),
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(f"{running.url}/mcp", data=BODY, headers=headers) as answer,
    ):
        assert await answer.content.readexactly(7) == ANSWER[:7]
        target.go_on.set()
        assert await answer.read() == ANSWER[7:]
        assert (answer.status, answer.reason) == (418, "Teapot")
        assert answer.headers.getall("X-Odd") == ["one", "two"]
        assert answer.headers["Content-Type"] == "Application/JSON;x=1"
    head, _, body = target.received.partition(b"\r\n\r\n")
    assert body == BODY
    assert head.startswith(b"POST /a%2Fb HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{target.port}\r\n".encode() in head
    assert b"\r\nMcp-Param-X: =?base64?w7w=?=\r\nMcp-Method: ping\r\n" in head
    assert KEY.encode() not in head


async def test_an_unknown_key_is_refused():
    async with with_session_routes() as (running, target), aiohttp.ClientSession() as session:
        async with session.post(f"{running.url}/mcp", data=BODY) as answer:
            assert answer.status == 401
        assert target.received == b""
