"""The bare relay for comparison: it forwards each POST and returns the answer, and does nothing else.

It is what an engineer would write with aiohttp in an afternoon and be content with: uvloop, one pooled session, no
cookies, no decompression, no access log. It knows no user, decides nothing and records nothing.
"""

import argparse
import asyncio
import ssl
from pathlib import Path

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

_FORWARDED = ("Content-Type", "Accept", "Mcp-Session-Id", "MCP-Protocol-Version")
_BACKLOG = 1024


class Relay:
    """One downstream behind one route."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = URL(url)
        self._session = session

    async def post(self, request: web.Request) -> web.Response:
        """Forward one message and return its answer."""
        body = await request.read()
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            answer = await response.read()
            return web.Response(
                status=response.status,
                body=answer,
                headers={"Content-Type": response.headers["Content-Type"]},
            )


async def _serve(url: str, tls: ssl.SSLContext | None) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:
        app = web.Application()
        app.router.add_post("/mcp", Relay(url, session).post)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls, backlog=_BACKLOG).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve until a signal."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--downstream", required=True, help="URL of the MCP server")
    flags.add_argument("--certificate", type=Path, help="serve TLS with this chain")
    flags.add_argument("--key", type=Path)
    options = flags.parse_args()
    tls = None
    if options.certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    uvloop.run(_serve(options.downstream, tls))


if __name__ == "__main__":
    main()
