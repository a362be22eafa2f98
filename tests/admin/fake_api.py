"""A fake admin API in memory, on a real socket in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.admin.fake_administrators import administrator_routes
from tests.admin.fake_audit import add_audit_routes
from tests.admin.fake_batch import batch_routes
from tests.admin.fake_issuers import issuer_routes
from tests.admin.fake_offers import offer_routes
from tests.admin.fake_provisioning import provisioning_routes
from tests.admin.fake_routes import application
from tests.admin.fake_server import server_routes
from tests.admin.fake_state import FakeState
from tests.patience import PATIENCE


@dataclass
class FakeApi(FakeState):
    """The fake admin API, served over HTTP."""

    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Return the URL it listens on."""
        return f"{self.scheme}://localhost:{self.port}"

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator["FakeApi"]:
        """Listen on loopback until the block ends; a second call uses the same port."""
        loop = asyncio.new_event_loop()
        app = application(self)
        app.add_routes(
            [
                *administrator_routes(),
                *batch_routes(),
                *offer_routes(),
                *issuer_routes(),
                *provisioning_routes(),
                *server_routes(),
            ]
        )
        add_audit_routes(app)
        runner = web.AppRunner(app)
        self.scheme = "https" if tls else "http"
        loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=tls, reuse_address=True)
        loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=PATIENCE)
            loop.close()
