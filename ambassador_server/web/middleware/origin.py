"""Gives every request its id and origin, and every response the headers that keep browsers out of harm's way."""

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from ambassador_protocol.paths import REQUEST_ID_HEADER
from ambassador_server.domain.people.principals import Origin
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.web.app_keys import ORIGIN, SETTINGS

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


@web.middleware
async def origin_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take the caller's request id when it is well formed and no secret, else mint one."""
    offered = request.headers.get(REQUEST_ID_HEADER)
    request_id = offered if offered is not None and _is_usable(offered) else secrets.token_hex(16)
    request[ORIGIN] = Origin(request_id, request.remote or "unknown")
    return await handler(request)


async def sign_response(request: web.Request, response: web.StreamResponse) -> None:
    """Put them on, just before the first byte goes out: an answer that is a stream is sent while its handler runs."""
    headers = response.headers
    if ORIGIN in request:
        headers[REQUEST_ID_HEADER] = request[ORIGIN].request_id
    headers["Server"] = "mcp-ambassador"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    if request.app[SETTINGS].tls:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"


def _is_usable(offered: str) -> bool:
    return _WELL_FORMED.fullmatch(offered) is not None and mask_text(offered) == offered
