"""Builds the two applications: the client API and the admin API, each for a listener of its own."""

import asyncio
import functools
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from ambassador_server.ports.authenticator import Authenticator
from ambassador_server.ports.face import McpFace
from ambassador_server.services.administration.health import Health
from ambassador_server.services.administration.own_use_cases import OwnUseCases
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.audit.use_cases import AuditUseCases
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.monitoring.metrics import Metrics
from ambassador_server.services.registry.use_cases import RegistryUseCases
from ambassador_server.services.sign_in.use_cases import AdministratorSignIn, ClientSignIn
from ambassador_server.web.admin import audit_stream, scim
from ambassador_server.web.admin.app_keys import (
    ADMINISTRATION,
    AUDIT,
    DESCRIPTION,
    LOGINS,
    METRICS,
    ORGANISATIONS,
    REGISTRY,
    SCRAPES,
)
from ambassador_server.web.admin.routes import admin_endpoints
from ambassador_server.web.app_keys import (
    ADMINISTRATORS,
    AUTHENTICATORS,
    CERTIFICATES,
    GATEWAY,
    HEALTH_CHECKS,
    IGNORED_HEADERS,
    PROTECTED_RESOURCE,
    SETTINGS,
    WebSettings,
)
from ambassador_server.web.client import legacy_sse, mcp
from ambassador_server.web.client.app_keys import (
    CALLS,
    CREDENTIALS,
    FACE,
    KEEP_ALIVE,
    OWN_ACCESS,
    PUBLIC_URL,
    REQUESTS,
    SIGN_IN,
    SSE_STREAMS,
)
from ambassador_server.web.client.routes import client_routes, gateway_routes
from ambassador_server.web.client.sse_streams import SseStreams
from ambassador_server.web.keep_alive import KeepAlive
from ambassador_server.web.middleware.cors import CORS_ORIGINS, add_cors_headers, cors_middleware
from ambassador_server.web.middleware.entry import entry_middleware
from ambassador_server.web.middleware.origin import add_response_headers
from ambassador_server.web.middleware.tracing import tracing_middleware
from ambassador_server.web.openapi import describe


def create_client_app(
    *,
    sign_in: ClientSignIn,
    calls: CallUseCases,
    own: OwnUseCases,
    health: Health,
    settings: WebSettings,
    authenticators: tuple[Authenticator, ...],
    face: McpFace,
    keep_alive: KeepAlive,
) -> web.Application:
    """Build the client API: `/mcp`, sessions and tools."""
    # Without listed origins or traces no request pays for them.
    inner = (cors_middleware,) if settings.cors_origins else ()
    app = _create(health, settings, *inner, outer=_tracing(settings))
    if settings.cors_origins:
        app.on_response_prepare.append(add_cors_headers)
    app[CORS_ORIGINS] = settings.cors_origins
    app[AUTHENTICATORS] = authenticators
    # At the listener of a gateway the certificate is that of the gateway.
    app[CERTIFICATES] = None if settings.is_gateway else sign_in.certificates
    app[SIGN_IN] = sign_in
    if sign_in.gateway is not None:
        app[GATEWAY] = sign_in.gateway
    app[IGNORED_HEADERS] = sign_in.ignored
    if not settings.is_gateway:
        app[PROTECTED_RESOURCE] = sign_in.resource
    app[CALLS] = calls
    app[OWN_ACCESS] = own.access
    app[REQUESTS] = own.requests
    app[CREDENTIALS] = own.credentials
    app[PUBLIC_URL] = settings.public_url
    app[FACE] = face
    app[KEEP_ALIVE] = keep_alive
    app[SSE_STREAMS] = SseStreams()
    app.on_shutdown.append(mcp.end_streams)
    app.add_routes(gateway_routes() if settings.is_gateway else client_routes())
    if settings.legacy_sse:
        app.add_routes(legacy_sse.routes())
        app.on_shutdown.append(legacy_sse.drain_streams)
    return app


def create_admin_app(
    *,
    sign_in: AdministratorSignIn,
    administration: AdministrationUseCases,
    registry: RegistryUseCases,
    audit: AuditUseCases,
    metrics: Metrics,
    health: Health,
    settings: WebSettings,
) -> web.Application:
    """Build the admin API."""
    app = _create(health, settings)
    app[ADMINISTRATORS] = sign_in.prover
    app[IGNORED_HEADERS] = sign_in.ignored
    app[CERTIFICATES] = sign_in.certificates
    app[LOGINS] = sign_in.logins
    app[ORGANISATIONS] = sign_in.organisations
    app[ADMINISTRATION] = administration
    app[REGISTRY] = registry
    app[AUDIT] = audit
    app[METRICS] = metrics
    app[SCRAPES] = asyncio.Lock()
    endpoints = admin_endpoints()
    app.add_routes([endpoint.route() for endpoint in endpoints])
    app.add_routes(scim.routes())
    described: Callable[[], bytes] = functools.cache(lambda: msgspec.json.encode(describe(endpoints)))
    app[DESCRIPTION] = described
    app.on_shutdown.append(audit_stream.end_streams)
    return app


def _tracing(settings: WebSettings) -> tuple[Middleware, ...]:
    return () if settings.tracer is None else (tracing_middleware(settings.tracer),)


def _create(
    health: Health, settings: WebSettings, *inner: Middleware, outer: tuple[Middleware, ...] = ()
) -> web.Application:
    app = web.Application(
        middlewares=[*outer, entry_middleware, *inner],
        client_max_size=settings.max_body_bytes,
    )
    app.on_response_prepare.append(add_response_headers)
    app[HEALTH_CHECKS] = health
    app[SETTINGS] = settings
    return app
