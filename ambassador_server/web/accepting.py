"""Accepts the connections of a listening socket, as many as its bounds allow."""

import asyncio
import errno
import logging
import socket
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from ambassador_server.web.client_tls import FailedHandshake, ListenerTls, PeerConnections
from ambassador_server.web.http_server import HttpConnection
from ambassador_server.web.listener_bounds import Connections
from ambassador_server.web.rare_warnings import RareWarnings

_BACKLOG: Final = 1024
_HANDSHAKE_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class BoundedSite(web.BaseSite):
    """A site of the library that counts a connection from its first moment, before TLS is negotiated.

    A connection beyond the bounds is closed at once, so that its client knows.
    """

    __slots__ = ("_accepting", "_connections", "_options", "_peers", "_serving", "_sock", "_tls", "_warnings")

    def __init__(
        self,
        runner: web.AppRunner,
        sock: socket.socket,
        connections: Connections,
        *,
        tls: ListenerTls | None,
        peers: PeerConnections | None,
        options: dict[str, Any],
    ) -> None:
        super().__init__(runner, backlog=_BACKLOG)
        self._tls = tls
        self._peers = peers
        self._sock = sock
        self._connections = connections
        self._options = options
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._warnings = RareWarnings(_log)

    @property
    def name(self) -> str:
        """Return the address."""
        return str(self._sock.getsockname())

    async def start(self) -> None:
        """Listen and begin to accept."""
        await super().start()
        self._sock.setblocking(False)
        self._sock.listen(self._backlog)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def stop(self) -> None:
        """Accept no more connections; those that are open are ended by the runner."""
        if self._accepting is not None:
            self._accepting.cancel()
            with suppress(asyncio.CancelledError):
                await self._accepting
        self._sock.close()
        self._connections.stop()
        await super().stop()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._sock)
            except OSError as error:
                # Without a free descriptor the next attempt would fail at once, again and again.
                if error.errno not in (errno.ECONNABORTED, errno.EINTR):
                    self._warnings.warn("cannot accept connections: %s", error.strerror)
                    await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._take(accepted, str(address[0]))

    def _take(self, accepted: socket.socket, address: str) -> None:
        if not self._connections.admits(address):
            accepted.close()
            refused, bounds = self._connections.counts.refused, self._connections.bounds
            text = "refused a connection from %s: at most %d are open, %d from one address; %d refused so far"
            self._warnings.warn(text, address, bounds.total, bounds.per_address, refused)
            return
        serving = asyncio.get_running_loop().create_task(self._serve(accepted, address))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, accepted: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        server = self._runner.server
        closed: asyncio.Future[None] = loop.create_future()
        with self._connections.count(address):
            if server is None:
                accepted.close()
                return
            kept = None
            try:
                # The event loop closes its descriptor of the socket before the client can be told why TLS failed.
                kept = None if self._peers is None else accepted.dup()
                await loop.connect_accepted_socket(
                    lambda: HttpConnection(
                        server, self._connections, closed, self._peers, loop=loop, **self._options
                    ),
                    accepted,
                    # The context is another one once a file has changed.
                    ssl=None if self._tls is None else self._tls.context,
                    ssl_handshake_timeout=None if self._tls is None else _HANDSHAKE_SECONDS,
                )
            except OSError as error:
                # The client did not finish TLS: it cannot be told, and every scanner would fill the log.
                accepted.close()
                if isinstance(error, ConnectionAbortedError):
                    # The time for the handshake is over.
                    self._connections.counts.cut_off += 1
                if self._peers is not None and kept is not None and isinstance(error, FailedHandshake):
                    _tell(kept, error)
                    self._peers.failed(address, error)
                return
            finally:
                if kept is not None:
                    kept.close()
            await closed


def _tell(sock: socket.socket, error: FailedHandshake) -> None:
    """Send the alert of a failed handshake; for what does not fit into the buffer nobody waits."""
    with suppress(OSError):
        sock.send(error.alert)
