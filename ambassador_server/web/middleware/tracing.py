"""A span for each request of the client API; a part of it only where traces are wanted."""

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ambassador_protocol.paths import HEALTH, LEGACY_STREAM, LIVE, MCP, READY
from ambassador_server.ports.tracing import SpanKind, Tracer
from ambassador_server.web.app_keys import ORIGIN

_NOT_TRACED: Final = frozenset({HEALTH, LIVE, READY, MCP, LEGACY_STREAM})
"""Paths of probes and of streams that last as long as their client: a GET of them is no work of a trace."""


def tracing_middleware(tracer: Tracer) -> Middleware:
    """Return the middleware; it stands around all others, because these turn errors into answers."""

    @web.middleware
    async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "GET" and request.path in _NOT_TRACED:
            return await handler(request)
        resource = request.match_info.route.resource
        # Not the path itself: it may hold the secret of a link.
        route = "" if resource is None else resource.canonical
        attributes = {
            "http.request.method": request.method,
            "http.route": route,
            "url.scheme": request.scheme,
        }
        name = f"{request.method} {route}".rstrip()
        with tracer.span(name, SpanKind.SERVER, attributes, headers=request.headers) as span:
            response = await handler(request)
            span.note({"http.response.status_code": response.status})
            origin = request.get(ORIGIN)
            if origin is not None:
                span.note({"ambassador.request.id": origin.request_id})
            if response.status >= 500:
                span.fail(str(response.status))
            return response

    return traced
