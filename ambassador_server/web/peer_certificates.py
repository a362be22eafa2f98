"""The verified certificate of the client of a request."""

from aiohttp import web

from ambassador_server.domain.people.certificates import PeerCertificate
from ambassador_server.web.http_server import HttpConnection


def peer_certificate(request: web.Request) -> PeerCertificate | None:
    """Return the certificate that the client of this connection has proved; None without one."""
    return request.protocol.peer if isinstance(request.protocol, HttpConnection) else None
