"""Two applications for two listeners: the client API never carries an admin route."""

from aiohttp import web

from ambassador_server.ports.authenticator import Authenticator
from ambassador_server.ports.face import McpFace
from ambassador_server.services.registry import Services
from ambassador_server.web.keys import AUTHENTICATORS, FACE, SERVICES, SETTINGS, WebSettings
from ambassador_server.web.middleware.errors import errors_middleware
from ambassador_server.web.middleware.hosts import hosts_middleware
from ambassador_server.web.middleware.origin import origin_middleware
from ambassador_server.web.routes import health, mcp, sessions, tools
from ambassador_server.web.routes.admin import (
    access,
    account,
    admin_keys,
    audit,
    audit_proof,
    audit_stream,
    batch,
    grants,
    groups,
    keys,
    mcps,
    memberships,
    server,
    subscriptions,
    switches,
    users,
)
from ambassador_server.web.routes.admin import sessions as admin_sessions


def create_client_app(
    *, services: Services, settings: WebSettings, authenticators: tuple[Authenticator, ...], face: McpFace
) -> web.Application:
    """Build the client API: `/mcp`, sessions and tools."""
    app = _create(services, settings)
    app[AUTHENTICATORS] = authenticators
    app[FACE] = face
    for module in (health, mcp, sessions, tools):
        app.add_routes(module.routes())
    return app


def create_admin_app(*, services: Services, settings: WebSettings) -> web.Application:
    """Build the admin API."""
    app = _create(services, settings)
    for module in (
        health,
        account,
        admin_keys,
        access,
        admin_sessions,
        users,
        groups,
        memberships,
        batch,
        mcps,
        grants,
        keys,
        subscriptions,
        switches,
        audit,
        audit_proof,
        audit_stream,
        server,
    ):
        app.add_routes(module.routes())
    app.on_shutdown.append(audit_stream.end_all)
    return app


def _create(services: Services, settings: WebSettings) -> web.Application:
    app = web.Application(
        middlewares=[origin_middleware, errors_middleware, hosts_middleware],
        client_max_size=settings.max_body_bytes,
    )
    app[SERVICES] = services
    app[SETTINGS] = settings
    return app
