"""Authenticates principals and administrators; no other module reads a credential header."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from ambassador_protocol.paths import ADMIN_KEY_HEADER, SESSION_TOKEN_HEADER
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.certificates import PeerCertificate
from ambassador_server.domain.people.principals import Principal
from ambassador_server.errors import NotAuthenticatedError
from ambassador_server.ports.authenticator import Credentials
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.web.app_keys import (
    ADMINISTRATOR,
    ADMINISTRATORS,
    AUTHENTICATORS,
    CERTIFICATES,
    GATEWAY,
    ORIGIN,
    PRINCIPAL,
)
from ambassador_server.web.middleware.gateway import principal_of_gateway
from ambassador_server.web.peer_certificates import check_no_page, peer_certificate

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
    certificates = request.app[CERTIFICATES]
    if certificates is not None and (peer := peer_certificate(request)) is not None:
        return _principal_with_certificate(request, certificates, peer)
    return _principal_by_secret(request, _secret(request, SESSION_TOKEN_HEADER))


def _principal_by_secret(request: web.Request, secret: str) -> Awaitable[Principal]:
    for authenticator in request.app[AUTHENTICATORS]:
        if authenticator.accepts(secret):
            return authenticator.authenticate(Credentials(secret, request[ORIGIN]))
    raise NotAuthenticatedError("Valid session token required")


async def _principal_with_certificate(
    request: web.Request, certificates: CertificateProver, peer: PeerCertificate
) -> Principal:
    """Return the principal of the secret beside a certificate, or of a certificate that stands alone."""
    origin = request[ORIGIN]
    if _brings(request, SESSION_TOKEN_HEADER):
        principal = await _principal_by_secret(request, _secret(request, SESSION_TOKEN_HEADER))
        await certificates.check_beside(peer, principal.user_id, origin)
        return principal
    check_no_page(request)
    return await certificates.authenticate(peer, origin)


def _brings(request: web.Request, header: str) -> bool:
    """Tell whether a request names a secret at all; with a wrong one, the certificate does not stand in for it."""
    return header in request.headers or "Authorization" in request.headers


def administered(right: Right, route: Route) -> Route:
    """Require an administrator with this right for a route."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        await check_administered(request, right)
        return await route(request)

    return guarded


async def check_administered(request: web.Request, right: Right) -> None:
    """Raise an error unless the request has an administrator with this right; a stream checks this repeatedly."""
    certificates, prover = request.app[CERTIFICATES], request.app[ADMINISTRATORS]
    peer = None if certificates is None else peer_certificate(request)
    if certificates is not None and peer is not None and not _brings(request, ADMIN_KEY_HEADER):
        check_no_page(request)
        administrator = await certificates.administrator(peer, request[ORIGIN])
        request[ADMINISTRATOR] = await prover.check_right(administrator, right, request[ORIGIN])
        return
    secret = _secret(request, ADMIN_KEY_HEADER)
    administrator = await prover.authenticate(secret, right, request[ORIGIN])
    if certificates is not None and peer is not None:
        await certificates.check_beside(peer, administrator.user_id, request[ORIGIN])
    request[ADMINISTRATOR] = administrator


def _secret(request: web.Request, header: str) -> str:
    value = request.headers.get(header)
    if value is None:
        authorization = request.headers.get("Authorization", "")
        value = authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else ""
    # Valid secrets are ASCII. Other bytes arrive as surrogates, which cannot be encoded for the digest.
    return value.strip() if value.isascii() else ""
