"""Authenticates principals and administrators; no other module reads a credential header."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from ambassador_protocol.paths import ADMIN_KEY_HEADER, SESSION_TOKEN_HEADER
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.principals import Principal
from ambassador_server.errors import NotAuthenticatedError
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.web.app_keys import (
    ADMINISTRATOR,
    ADMINISTRATORS,
    AUTHENTICATORS,
    GATEWAY,
    ORIGIN,
    PRINCIPAL,
)
from ambassador_server.web.middleware.gateway import principal_of_gateway

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BEARER = "bearer "


def authenticated(route: Route) -> Route:
    """Require a principal for a route."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        request[PRINCIPAL] = await _principal(request)
        return await route(request)

    return guarded


async def check_authenticated(request: web.Request) -> None:
    """Raise an error unless the request has a principal; a stream checks this repeatedly."""
    request[PRINCIPAL] = await _principal(request)


def _principal(request: web.Request) -> Awaitable[Principal]:
    gateway = request.app.get(GATEWAY)
    named = None if gateway is None else principal_of_gateway(request, gateway)
    if named is not None:
        return named
    secret = _secret(request, SESSION_TOKEN_HEADER)
    for authenticator in request.app[AUTHENTICATORS]:
        if authenticator.accepts(secret):
            return authenticator.authenticate(Credentials(secret, request[ORIGIN]))
    raise NotAuthenticatedError("Valid session token required")


def administered(right: Right, route: Route) -> Route:
    """Require an administrator with this right for a route."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        await check_administered(request, right)
        return await route(request)

    return guarded


async def check_administered(request: web.Request, right: Right) -> None:
    """Raise an error unless the request has an administrator with this right; a stream checks this repeatedly."""
    secret = _secret(request, ADMIN_KEY_HEADER)
    prover = request.app[ADMINISTRATORS]
    request[ADMINISTRATOR] = await prover.authenticate(secret, right, request[ORIGIN])


def _secret(request: web.Request, header: str) -> str:
    value = request.headers.get(header)
    if value is None:
        authorization = request.headers.get("Authorization", "")
        value = authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else ""
    # Valid secrets are ASCII. Other bytes arrive as surrogates, which cannot be encoded for the digest.
    return value.strip() if value.isascii() else ""
