"""Two applications for two listeners: the client API never carries an admin route."""

import functools
from collections.abc import Callable

import msgspec
from aiohttp import web

from ambassador_server.ports.authenticator import Authenticator
from ambassador_server.ports.face import McpFace
from ambassador_server.services.use_cases import Services
from ambassador_server.web import health
from ambassador_server.web.admin import (
    access,
    account,
    admin_keys,
    audit,
    audit_proof,
    audit_stream,
    batch,
    client_keys,
    description,
    enrolments,
    grants,
    groups,
    mcps,
    memberships,
    server,
    subscriptions,
    switches,
    users,
)
from ambassador_server.web.admin import sessions as admin_sessions
from ambassador_server.web.app_keys import AUTHENTICATORS, DESCRIPTION, FACE, SERVICES, SETTINGS, WebSettings
from ambassador_server.web.client import enrolment, mcp, own_access, sessions, tools
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.middleware.errors import errors_middleware
from ambassador_server.web.middleware.hosts import hosts_middleware
from ambassador_server.web.middleware.origin import origin_middleware, sign_response
from ambassador_server.web.openapi import describe

_ADMIN = (
    health,
    description,
    server,
    account,
    admin_keys,
    users,
    groups,
    memberships,
    client_keys,
    enrolments,
    admin_sessions,
    mcps,
    grants,
    subscriptions,
    switches,
    access,
    batch,
    audit,
    audit_proof,
    audit_stream,
)


def create_client_app(
    *, services: Services, settings: WebSettings, authenticators: tuple[Authenticator, ...], face: McpFace
) -> web.Application:
    """Build the client API: `/mcp`, sessions and tools."""
    app = _create(services, settings)
    app[AUTHENTICATORS] = authenticators
    app[FACE] = face
    app.add_routes([endpoint.route() for endpoint in health.endpoints()])
    for module in (mcp, sessions, tools, enrolment, own_access):
        app.add_routes(module.routes())
    return app


def create_admin_app(*, services: Services, settings: WebSettings) -> web.Application:
    """Build the admin API."""
    app = _create(services, settings)
    endpoints = admin_endpoints()
    app.add_routes([endpoint.route() for endpoint in endpoints])
    described: Callable[[], bytes] = functools.cache(lambda: msgspec.json.encode(describe(endpoints)))
    app[DESCRIPTION] = described
    app.on_shutdown.append(audit_stream.end_all)
    return app


def admin_endpoints() -> list[Endpoint]:
    """Return every endpoint of the admin API."""
    return [endpoint for module in _ADMIN for endpoint in module.endpoints()]


def _create(services: Services, settings: WebSettings) -> web.Application:
    app = web.Application(
        middlewares=[origin_middleware, errors_middleware, hosts_middleware],
        client_max_size=settings.max_body_bytes,
    )
    app.on_response_prepare.append(sign_response)
    app[SERVICES] = services
    app[SETTINGS] = settings
    return app
