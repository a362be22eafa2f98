"""Adds the session routes of an Ambassador server in front of the suite's mock servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from ambassador_protocol.paths import SESSION_TOKEN_HEADER
from tests.client.fake_server import FakeServer

_OF_THE_CONNECTION = {
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OF_THE_SESSION = {"authorization", SESSION_TOKEN_HEADER.lower()}


@dataclass
class SessionRoutes(FakeServer):
    """Answers the session routes and passes `/mcp` to `target` and back unchanged and unbuffered."""

    target: str = ""
    streams: int = 0
    """How many streams for what the target says unasked have been opened."""

    async def _mcp(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._check(request)) is not None:
            return refused
        body = await request.read()
        async with (
            aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(None)) as session,
            session.request(
                request.method,
                URL(self.target, encoded=True),
                data=body or None,
                headers=_passed_on(request.headers, _OF_THE_CONNECTION | _OF_THE_SESSION),
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                allow_redirects=False,
            ) as answer,
        ):
            response = web.StreamResponse(
                status=answer.status,
                reason=answer.reason,
                headers=_passed_on(answer.headers, _OF_THE_CONNECTION),
            )
            await response.prepare(request)
            self.streams += request.method == "GET"
            await self._note()
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    _stream = _mcp


def _passed_on(headers: Mapping[str, str], without: set[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in without)


@asynccontextmanager
async def session_routes(target: str) -> AsyncIterator[SessionRoutes]:
    """Run the session routes on loopback in front of the MCP endpoint `target`."""
    running = SessionRoutes(target=target)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
