"""Sets the id and the origin of every request, and the security headers of every response."""

import re
import secrets

from aiohttp import web

from ambassador_protocol.paths import REQUEST_ID_HEADER
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.web.app_keys import ORIGIN, SETTINGS

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def set_origin(request: web.Request) -> None:
    """Create the id of the request, which begins with the caller's own if that is well formed and is not a secret.

    Ours is always a part of it: otherwise a caller could give a request the id of another's and join their traces.
    """
    received = request.headers.get(REQUEST_ID_HEADER)
    request_id = secrets.token_hex(16)
    if received is not None and _is_usable(received):
        request_id = f"{received}.{request_id}"
    request[ORIGIN] = Origin(request_id, request.remote or "unknown")


async def add_response_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers just before the response is sent, because a handler sends a stream itself."""
    headers = response.headers
    if ORIGIN in request:
        headers[REQUEST_ID_HEADER] = request[ORIGIN].request_id
    headers["Server"] = "mcp-ambassador"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    if request.app[SETTINGS].tls:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"


def _is_usable(request_id: str) -> bool:
    return _WELL_FORMED.fullmatch(request_id) is not None and mask_text(request_id) == request_id
