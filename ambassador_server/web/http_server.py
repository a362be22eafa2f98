"""Serves the HTTP of one connection, within the bounds of its listener."""

import asyncio
import secrets
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web

from ambassador_protocol.problems import Problem, ProblemCode
from ambassador_server.domain.people.certificates import CertificateFault, PeerCertificate
from ambassador_server.web.client_tls import PeerConnections
from ambassador_server.web.listener_bounds import Connections, reset
from ambassador_server.web.problems import render_problem


class HttpConnection(web.RequestHandler):
    """The library's connection, which also reports to its listener and answers malformed HTTP with a problem."""

    __slots__ = ("_closed", "_connections", "_outlives", "_peers", "_watched", "peer")

    def __init__(
        self,
        server: web.Server,
        connections: Connections,
        closed: "asyncio.Future[None]",
        peers: PeerConnections | None,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self._connections = connections
        self._peers = peers
        self.peer: PeerCertificate | None = None
        self._closed = closed
        self._outlives = False
        self._watched: asyncio.Transport | None = None

    def outlive(self) -> None:
        """Let the request that is being answered go on for a while if the connection is lost."""
        self._outlives = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve; called by the event loop."""
        self._watched = cast(asyncio.Transport, transport)
        self._connections.opened(self._watched)
        if self._peers is not None:
            found = self._peers.opened(self._watched)
            self._force_close = isinstance(found, CertificateFault)  # then nothing that comes is read
            self.peer = None if isinstance(found, CertificateFault) else found
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop serving; called by the event loop."""
        if self._watched is not None:
            self._connections.closed(self._watched)
            if self._peers is not None:
                self._peers.closed(self._watched)
            self._watched = None
        if not self._closed.done():
            self._closed.set_result(None)
        if self._outlives and self._task_handler is not None and self._connections.keep(self._task_handler):
            # The library cancels only a task that it still knows.
            self._task_handler = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to read; called by the event loop when much is unread."""
        super().pause_writing()
        # In a call of its own, because the transport is in the middle of a write.
        self._loop.call_soon(self._connections.check_bytes)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; if this is cancelled, the client gets no more of it."""
        self._outlives = False
        try:
            return await super().finish_response(request, resp, start_time)
        except asyncio.CancelledError:
            if self._watched is not None:
                reset(self._watched)
            raise

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer malformed HTTP without details of the parser; it is not logged, because clients could fill the log."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        problem = Problem(
            status=status,
            code=ProblemCode.BAD_REQUEST,
            error=HTTPStatus(status).phrase,
            message="The request is not valid HTTP",
            request_id=secrets.token_hex(16),
        )
        response = render_problem(problem)
        response.force_close()
        return response
