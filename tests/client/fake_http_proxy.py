"""A small HTTP proxy for CONNECT, with or without a password; `wanted` holds the request lines."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class FakeProxy:
    """Connects every request to the port `target`."""

    target: int
    password: str | None = None
    answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n"
    wanted: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.wanted.append(head.split("\r\n", 1)[0])
            writer.write(self._verdict(head))
            if b" 200 " in self._verdict(head):
                server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
                await asyncio.gather(_pump(reader, server_writer), _pump(server_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _verdict(self, head: str) -> bytes:
        if self.password is None:
            return self.answer
        wanted = base64.b64encode(self.password.encode()).decode()
        if f"Proxy-Authorization: Basic {wanted}\r\n" in head:
            return self.answer
        return b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    finally:
        writer.close()


@asynccontextmanager
async def fake_proxy(target: int, **more: object) -> AsyncIterator[FakeProxy]:
    """Run a proxy on a free port."""
    proxy = FakeProxy(target, **more)  # type: ignore[arg-type]
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
