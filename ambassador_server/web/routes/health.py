"""Liveness and readiness; they tell a stranger nothing about what is inside."""

from aiohttp import web

from ambassador_protocol.paths import CA_CERTIFICATE, HEALTH, LIVE, READY
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SERVICES, SETTINGS


async def health(_: web.Request) -> web.Response:
    """Answer as the original does."""
    return json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Answer 200 only when calls can be served, else 503 and which condition fails."""
    checks = await request.app[SERVICES].health.checks()
    is_ready = all(checks.values())
    body = {"status": "ready" if is_ready else "not_ready", "checks": checks}
    return json_response(body, status=200 if is_ready else 503)


async def ca_certificate(request: web.Request) -> web.Response:
    """Hand out the CA certificate; whoever fetches it compares its fingerprint."""
    pem = request.app[SETTINGS].ca_pem
    if pem is None:
        raise web.HTTPNotFound(text="This server does not use a CA of its own")
    return web.Response(body=pem, content_type="application/x-pem-file")


def routes() -> list[web.RouteDef]:
    """Return the routes both listeners have."""
    return [
        web.get(HEALTH, health),
        web.get(LIVE, health),
        web.get(READY, ready),
        web.get(CA_CERTIFICATE, ca_certificate),
    ]
