"""Serves an application on a listening socket, and closes it after running requests."""

import logging
import socket
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ambassador_server.errors import ConfigurationError
from ambassador_server.services.sign_in.refused_connections import RefusedConnections
from ambassador_server.web.accepting import BoundedSite
from ambassador_server.web.client_tls import ListenerTls, PeerConnections
from ambassador_server.web.listener_bounds import ConnectionBounds, ConnectionCounts, Connections

_ANSWER_SECONDS = 2.0


def _is_server_failure(record: logging.LogRecord) -> bool:
    """Tell whether to log a record: malformed requests are not logged, so that clients cannot fill the log."""
    malformed = (HttpProcessingError, web.RequestPayloadError)
    return record.exc_info is None or not isinstance(record.exc_info[1], malformed)


_log = logging.getLogger(__name__)
_log.addFilter(_is_server_failure)


@dataclass(frozen=True, slots=True)
class Listener:
    """A served application and its port."""

    runner: web.AppRunner
    port: int
    connections: Connections

    async def close(self) -> None:
        """Accept no new connection, wait up to the drain time for running requests, then close."""
        await self.runner.cleanup()


async def listen(
    app: web.Application,
    *,
    host: str,
    port: int,
    tls: ListenerTls | None,
    drain_seconds: float,
    bounds: ConnectionBounds,
    counts: ConnectionCounts,
    refused: RefusedConnections | None = None,
) -> Listener:
    """Serve an application; port 0 means any free port. Raises ConfigurationError if the address is in use.

    `refused` records the connections whose client certificates are refused.
    """
    runner = web.AppRunner(
        app,
        # A closed connection cancels its request.
        handler_cancellation=True,
        # The library waits this long twice: for running requests, then for those whose bodies it has cut off. Calls are
        # stopped after the drain time; then their answers have to be sent.
        shutdown_timeout=(drain_seconds + _ANSWER_SECONDS) / 2,
    )
    await runner.setup()
    sock = _bind(host, port)
    connections = Connections(bounds, counts)
    options = {"access_log": None, "logger": _log, "keepalive_timeout": 75.0}
    try:
        peers = None if tls is None or not tls.asks_clients else PeerConnections(tls, refused)
        site = BoundedSite(runner, sock, connections, tls=tls, peers=peers, options=options)
        await site.start()
    except BaseException:
        await runner.cleanup()
        sock.close()
        raise
    return Listener(runner, sock.getsockname()[1], connections)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            hint="Is another server running there? Choose another port with --port or --admin-port.",
        ) from error
    return sock
