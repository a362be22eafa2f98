"""Lists every route of the client API."""

from aiohttp import web

from ambassador_server.web import health
from ambassador_server.web.client import (
    connect_pages,
    credentials,
    enrolments,
    host_login,
    host_login_pages,
    mcp,
    own_access,
    own_oauth,
    own_requests,
    resource_metadata,
    sessions,
    sign_in,
    token_endpoint,
    tools,
)


def client_routes() -> list[web.RouteDef]:
    """Return every route of the client API."""
    probes = [endpoint.route() for endpoint in health.endpoints()]
    access = (enrolments, sign_in, own_access, own_requests)
    oauth = (own_oauth, connect_pages, resource_metadata, token_endpoint, host_login, host_login_pages)
    modules = (mcp, sessions, tools, *access, credentials, *oauth)
    return probes + [route for module in modules for route in module.routes()]


def gateway_routes() -> list[web.RouteDef]:
    """Return the routes for users whom an API gateway names: those of the client API, without those for client keys."""
    others = (sessions, enrolments, resource_metadata, host_login, host_login_pages)
    excluded = {route.path for module in others for route in module.routes()}
    return [route for route in client_routes() if route.path not in excluded]
