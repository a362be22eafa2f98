"""The verified certificate of the client of a request."""

from typing import Final

from aiohttp import web

from ambassador_server.domain.people.certificates import PeerCertificate
from ambassador_server.errors import NotAuthenticatedError
from ambassador_server.web.http_server import HttpConnection

_BY_PAGES: Final = frozenset({"Origin", "Sec-Fetch-Site", "Referer"})
"""Headers that browsers send with requests of pages."""


def peer_certificate(request: web.Request) -> PeerCertificate | None:
    """Return the certificate that the client of this connection has proved; None without one."""
    return request.protocol.peer if isinstance(request.protocol, HttpConnection) else None


def check_no_page(request: web.Request) -> None:
    """Raise NotAuthenticatedError for a request of a web page: browsers add certificates to those of any page."""
    if any(name in request.headers for name in _BY_PAGES):
        raise NotAuthenticatedError("A client certificate alone is no credential in a browser")
