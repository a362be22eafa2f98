"""The admin API in memory, on a real socket in a thread of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.admin.fake_administrators import administration
from tests.admin.fake_audit import auditing
from tests.admin.fake_batch import declaring
from tests.admin.fake_provisioning import provisioning
from tests.admin.fake_routes import application
from tests.admin.fake_server import telling
from tests.admin.fake_state import Organisation


@dataclass
class FakeApi(Organisation):
    """An organisation that can be asked over HTTP."""

    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"{self.scheme}://localhost:{self.port}"

    @contextmanager
    def serving(self, tls: ssl.SSLContext | None = None) -> Iterator["FakeApi"]:
        """Listen on loopback until the block is left; a second time on the same port."""
        loop = asyncio.new_event_loop()
        app = application(self)
        app.add_routes([*administration(), *declaring(), *provisioning(), *telling()])
        auditing(app)
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
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(timeout=10)
            loop.close()
