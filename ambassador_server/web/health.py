"""Liveness and readiness; they tell a stranger nothing about what is inside."""

from aiohttp import web

from ambassador_protocol.health import Liveness, Readiness
from ambassador_protocol.paths import CA_CERTIFICATE, HEALTH, LIVE, READY
from ambassador_server.web.app_keys import HEALTH_CHECKS, SETTINGS
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint

_PEM = "application/x-pem-file"


async def health(_: web.Request) -> web.Response:
    """Answer as the original does."""
    return json_response(Liveness())


async def live(_: web.Request) -> web.Response:
    """Answer while there is a server."""
    return json_response(Liveness())


async def ready(request: web.Request) -> web.Response:
    """Answer 200 only when calls can be served, else 503 and which condition fails."""
    checks = await request.app[HEALTH_CHECKS].checks()
    is_ready = all(checks.values())
    body = Readiness(status="ready" if is_ready else "not_ready", checks=checks)
    return json_response(body, status=200 if is_ready else 503)


async def ca_certificate(request: web.Request) -> web.Response:
    """Return the CA certificate; the caller compares its fingerprint."""
    pem = request.app[SETTINGS].ca_pem
    if pem is None:
        raise web.HTTPNotFound(text="This server does not use a CA of its own")
    return web.Response(body=pem, content_type=_PEM)


def endpoints() -> list[Endpoint]:
    """Return what both listeners have; it is open to anybody."""
    return [
        Endpoint(method="GET", path=HEALTH, right=None, handler=health, gives=Liveness),
        Endpoint(method="GET", path=LIVE, right=None, handler=live, gives=Liveness),
        Endpoint(method="GET", path=READY, right=None, handler=ready, gives=Readiness, statuses=(200, 503)),
        Endpoint(method="GET", path=CA_CERTIFICATE, right=None, handler=ca_certificate, gives=_PEM),
    ]
