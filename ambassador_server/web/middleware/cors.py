"""Lets pages of listed origins use `/mcp` from a browser, and learn where to log in, by CORS of the Fetch standard.

A page sends its credential itself, so the browser is told to add none of its own. No other route answers to a page of
another site, and the admin API has no such origins at all.
"""

import re
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from ambassador_protocol.event_stream import LAST_EVENT_ID
from ambassador_protocol.mcp import (
    METHOD_HEADER,
    NAME_HEADER,
    PARAM_HEADER_PREFIX,
    SESSION_HEADER,
    VERSION_HEADER,
)
from ambassador_protocol.paths import (
    HOST_LOGIN,
    MCP,
    REQUEST_ID_HEADER,
    RESOURCE_METADATA,
    SERVER_METADATA,
)

CORS_ORIGINS: web.AppKey[frozenset[str]] = web.AppKey("cors_origins", frozenset)

_METHODS: Final = "GET, POST, DELETE"
_ACCEPTED: Final = (
    "Authorization",
    "Content-Type",
    "Accept",
    VERSION_HEADER,
    SESSION_HEADER,
    METHOD_HEADER,
    NAME_HEADER,
    LAST_EVENT_ID,
)
_EXPOSED: Final = ", ".join((SESSION_HEADER, "WWW-Authenticate", "Retry-After", REQUEST_ID_HEADER))
_PARAM: Final = re.compile(rf"{PARAM_HEADER_PREFIX}[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.IGNORECASE)
_MAX_AGE: Final = "7200"
"""For how many seconds a browser keeps the answer to a preflight; no browser keeps it for longer than a day."""


def _is_shared(request: web.Request) -> bool:
    """Tell whether pages may use this route; the metadata says where a page can log in, and there it gets tokens."""
    path = request.path
    return (
        path == MCP
        or path.startswith((RESOURCE_METADATA, SERVER_METADATA))
        or (path.startswith(f"{HOST_LOGIN}/") and path.endswith(("/register", "/token")))
    )


def listed_origin(request: web.Request) -> str | None:
    """Return the origin of the page that sent this request, if it is listed for this route."""
    if not _is_shared(request):
        return None
    origin = request.headers.get("Origin")
    return origin if origin in request.app.get(CORS_ORIGINS, ()) else None


@web.middleware
async def cors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a preflight without authentication, because browsers send it without the page's credential."""
    is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
    if not is_preflight or listed_origin(request) is None:
        return await handler(request)
    headers = {
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": ", ".join((*_ACCEPTED, *_param_headers(request))),
        "Access-Control-Max-Age": _MAX_AGE,
    }
    return web.Response(status=204, headers=headers)


async def add_cors_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Let a page of a listed origin read this response, also an error; called just before the response is sent."""
    if not _is_shared(request) or not request.app[CORS_ORIGINS]:
        return
    headers = response.headers
    # Also without an origin: a cache must not give the answer for one page to another.
    headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    origin = listed_origin(request)
    if origin is not None:
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = _EXPOSED


def _param_headers(request: web.Request) -> list[str]:
    """Return the wanted headers that repeat arguments of a tool; their names are those of the tool's schema."""
    wanted = ",".join(request.headers.getall("Access-Control-Request-Headers", ())).split(",")
    return [name for name in map(str.strip, wanted) if _PARAM.fullmatch(name)]
