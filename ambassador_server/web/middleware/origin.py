"""Sets the id and the origin of every request, and the security headers of every response."""

import re
import secrets
from typing import Final

from aiohttp import web

from ambassador_protocol.paths import REQUEST_ID_HEADER
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.shared.running_request import RunningRequest
from ambassador_server.web.app_keys import ORIGIN, SETTINGS

_ALWAYS: Final = {
    "Server": "mcp-ambassador",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OVER_TLS: Final = {**_ALWAYS, "Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def set_origin(request: web.Request) -> RunningRequest:
    """Begin the request under a new id, which begins with the caller's own if that is well formed and is not a secret.

    Ours is always a part of it: otherwise a caller could give a request the id of another's and join their traces.
    """
    received = request.headers.get(REQUEST_ID_HEADER)
    request_id = secrets.token_hex(16)
    if received is not None and _is_usable(received):
        request_id = f"{received}.{request_id}"
    request[ORIGIN] = Origin(request_id, request.remote or "unknown")
    return RunningRequest(request_id)


async def add_response_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers just before the response is sent, because a handler sends a stream itself."""
    headers, origin = response.headers, request.get(ORIGIN)
    if origin is not None:
        headers[REQUEST_ID_HEADER] = origin.request_id
    headers.update(_OVER_TLS if request.app[SETTINGS].tls else _ALWAYS)


def _is_usable(request_id: str) -> bool:
    return _WELL_FORMED.fullmatch(request_id) is not None and mask_text(request_id) == request_id
