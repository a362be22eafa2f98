"""Refused credentials, untrusted certificates and unknown names lead to no handshake of the other era."""

import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.errors import DownstreamUnavailableError
from tests.fakes.mcp_servers.http_server import HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.certificates import make_certificate
from tests.server.downstream.support import QUICK, Bench, bench, http_entry

FAR = replace(QUICK, first_retry=600.0, longest_retry=600.0, early=600.0)


class Refusing:
    """Refuses every request, and keeps the methods."""

    def __init__(self, status: int, text: str, kind: str) -> None:
        self.methods: list[str] = []
        self._answer = {"status": status, "text": text, "content_type": kind}

    async def post(self, request: web.Request) -> web.Response:
        self.methods.append((await request.json())["method"])
        return web.Response(**self._answer)


async def methods_of(refusing: Refusing, tls: ssl.SSLContext | None = None) -> tuple[list[str], str]:
    """Let the server be connected to once; return the methods it saw, and why the entry is degraded."""
    app = web.Application()
    app.router.add_post("/mcp", refusing.post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    box = Bench(FAR)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        scheme, port = "http" if tls is None else "https", runner.addresses[0][1]
        box.pool.apply([http_entry(f"{scheme}://127.0.0.1:{port}/mcp")])
        change = await box.listener.status(DownstreamStatus.DEGRADED)
        return refusing.methods, change.error or ""
    finally:
        await box.pool.close()
        await runner.cleanup()


ERROR = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "token expired"}})


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("text", "kind"),
    [("Unauthorized", "text/html"), ("", "text/plain"), (ERROR, "application/json")],
)
async def test_refused_credentials_end_the_handshake(status: int, text: str, kind: str):
    methods, error = await methods_of(Refusing(status, text, kind))
    assert methods == ["server/discover"]
    assert error == f"refused the credentials (HTTP {status})"


async def test_a_server_that_misses_a_session_gets_the_legacy_handshake():
    methods, _ = await methods_of(Refusing(401, "No valid session ID provided", "text/plain"))
    assert methods == ["server/discover", "initialize"]


async def test_a_certificate_that_is_not_trusted_ends_the_handshake(tmp_path: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(tmp_path))
    methods, error = await methods_of(Refusing(400, "", "text/plain"), context)
    assert methods == []
    assert "certificate is not trusted" in error


async def test_a_name_that_leads_nowhere_ends_the_handshake():
    box = Bench(FAR)
    box.pool.apply([http_entry("http://nowhere.invalid/mcp")])
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert change.error == "host name 'nowhere.invalid' cannot be resolved"
    await box.pool.close()


async def test_an_era_that_was_proven_outlasts_refused_credentials(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BOX_TOKEN", "Bearer one")
    server = HttpServer(Toolbox(era="silent"))
    server.token = "Bearer one"
    async with serve(server):
        mcp = http_entry(server.url, headers={"Authorization": "env://BOX_TOKEN"})
        async with bench(mcp) as box:
            server.keeps_requests = True
            server.token = "Bearer two"
            server.sessions.clear()
            with pytest.raises(DownstreamUnavailableError, match="refused the credentials"):
                await box.call("echo")
            await box.listener.status(DownstreamStatus.DEGRADED)
            monkeypatch.setenv("BOX_TOKEN", "Bearer two")
            await box.listener.until(lambda _: box.pool.state("m1").status is DownstreamStatus.READY)
            methods = [method for method, _ in server.requests]
            assert "initialize" in methods
            assert "server/discover" not in methods


@pytest.mark.parametrize("how", ["restart", "published again", "probed before"])
async def test_the_era_of_a_configuration_is_remembered(how: str):
    server = HttpServer(Toolbox(era="silent"))
    async with serve(server):
        mcp = http_entry(server.url)
        box = Bench()
        if how == "probed before":
            await box.pool.probe(mcp)
        else:
            await box.ready(mcp)
        server.keeps_requests = True
        box.listener.changes.clear()
        if how == "restart":
            box.pool.restart("m1")
        else:
            box.pool.apply([])
            box.pool.apply([replace(mcp, mcp_id="m2", name="again")])
        await box.listener.status(DownstreamStatus.READY)
        assert "server/discover" not in [method for method, _ in server.requests]
        server.requests.clear()
        box.listener.changes.clear()
        box.pool.apply([replace(mcp, mcp_id="m3", options={"url": f"{server.url}?other=1"})])
        await box.listener.ready("m3")
        assert server.requests[0][0] == "server/discover", "another configuration"
        await box.pool.close()
