"""Liveness, readiness and the CA certificate; they need no credential, so they disclose nothing else."""

from typing import Literal

from aiohttp import web

from ambassador_protocol.health import AuditIndexLag, ConnectionFaults, Liveness, Readiness
from ambassador_protocol.paths import CA_CERTIFICATE, HEALTH, LIVE, READY
from ambassador_server.web.app_keys import HEALTH_CHECKS, SETTINGS
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint

_PEM = "application/x-pem-file"


async def health(_: web.Request) -> web.Response:
    """Answer 200, as the original server does."""
    return json_response(Liveness())


async def live(_: web.Request) -> web.Response:
    """Answer 200 while the server runs."""
    return json_response(Liveness())


async def ready(request: web.Request) -> web.Response:
    """Answer 200 if calls can be served, else 503 with the failed conditions."""
    health_checks = request.app[HEALTH_CHECKS]
    checks, index = await health_checks.checks(), await health_checks.index()
    is_ready = all(checks.values())
    body = Readiness(
        status="ready" if is_ready else "not_ready",
        checks=checks,
        audit_index=AuditIndexLag(
            behind_records=index.behind_records, behind_seconds=round(index.behind_seconds, 1)
        ),
        connections=connection_faults(request),
        gateway=health_checks.gateway_is_usable,
    )
    return json_response(body, status=200 if is_ready else 503)


def connection_faults(request: web.Request) -> dict[Literal["client", "admin", "gateway"], ConnectionFaults]:
    """Return how many connections each API refused and cut off since the start."""
    return {
        api: ConnectionFaults(refused=counts.refused, cut_off=counts.cut_off)
        for api, counts in request.app[SETTINGS].connections.items()
    }


async def ca_certificate(request: web.Request) -> web.Response:
    """Return the CA certificate; compare its fingerprint before you trust it."""
    pem = request.app[SETTINGS].ca_pem
    if pem is None:
        raise web.HTTPNotFound(text="This server does not use a CA of its own")
    return web.Response(body=pem, content_type=_PEM)


def endpoints() -> list[Endpoint]:
    """Return the endpoints that both listeners serve."""
    return [
        Endpoint(method="GET", path=HEALTH, right=None, handler=health, response_type=Liveness),
        Endpoint(method="GET", path=LIVE, right=None, handler=live, response_type=Liveness),
        Endpoint(
            method="GET", path=READY, right=None, handler=ready, response_type=Readiness, statuses=(200, 503)
        ),
        Endpoint(method="GET", path=CA_CERTIFICATE, right=None, handler=ca_certificate, response_type=_PEM),
    ]
