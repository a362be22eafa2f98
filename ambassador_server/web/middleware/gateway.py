"""Tells whether a request came through a trusted API gateway, and which of its headers are believed then."""

from collections.abc import Awaitable

from aiohttp import web

from ambassador_protocol.gateway_signature import SIGNATURE_HEADER
from ambassador_server.domain.people.gateway_requests import (
    CERTIFICATE_HEADERS,
    IDENTITY_SPELLINGS,
    Headers,
    SignedRequest,
)
from ambassador_server.domain.people.principals import Principal
from ambassador_server.services.sign_in.gateway_proof import BelievedHeaders, GatewayProver
from ambassador_server.services.sign_in.ignored_headers import IgnoredBecause
from ambassador_server.web.app_keys import BELIEVED, GATEWAY, IGNORED_HEADERS, ORIGIN, SETTINGS
from ambassador_server.web.bodies import BODY, read_body
from ambassador_server.web.peer_certificates import check_no_page, peer_certificate


def principal_of_gateway(request: web.Request, prover: GatewayProver) -> Awaitable[Principal] | None:
    """Return the principal whom a trusted gateway names; None for a request that claims to come from none.

    What says that it comes from a gateway is never anything else: its keys and tokens are not looked at.
    """
    return _principal(request, prover) if _claims_gateway(request, prover) else None


async def believed_headers(request: web.Request) -> Headers | None:
    """Return the headers that a trusted gateway vouches for; None for a request that came through none.

    Raises NotAuthenticatedError for one that claims to come through the gateway and does not.
    """
    prover = request.app.get(GATEWAY)
    if prover is None or not _claims_gateway(request, prover):
        return None
    return (await _believed(request, prover)).headers


def has_ignored_headers(request: web.Request) -> bool:
    """Tell whether a request has identity headers that are not believed."""
    # One look at a set, because nearly all requests have none.
    if IDENTITY_SPELLINGS.keys().isdisjoint(map(str.lower, request.headers)):
        return False
    return bool(_ignored_headers(request))


async def tell_ignored_headers(request: web.Request) -> None:
    """Record that the identity headers of a request are ignored."""
    prover = request.app.get(GATEWAY)
    not_read = prover is not None and _claims_gateway(request, prover)
    await request.app[IGNORED_HEADERS].tell(
        request[ORIGIN],
        sorted(_ignored_headers(request)),
        reason=IgnoredBecause.NOT_READ if not_read else IgnoredBecause.NOT_FROM_GATEWAY,
    )


def _ignored_headers(request: web.Request) -> set[str]:
    """Return the identity headers that are not believed; of a gateway, the certificates that it may not forward."""
    lower = map(str.lower, request.headers)
    found = {IDENTITY_SPELLINGS[name] for name in lower if name in IDENTITY_SPELLINGS}
    prover = request.app.get(GATEWAY)
    if prover is None or not _claims_gateway(request, prover):
        return found
    return found & CERTIFICATE_HEADERS if prover.forwarded is None else set()


def _claims_gateway(request: web.Request, prover: GatewayProver) -> bool:
    if request.app[SETTINGS].is_gateway:
        return True
    return prover.takes_signatures and SIGNATURE_HEADER in request.headers


async def _principal(request: web.Request, prover: GatewayProver) -> Principal:
    believed = await _believed(request, prover)
    if prover.has_certificate(believed.headers):
        check_no_page(request)
    return await prover.principal(believed, request[ORIGIN])


async def _believed(request: web.Request, prover: GatewayProver) -> BelievedHeaders:
    """Return the headers that are believed; a signature is good once, and a stream asks again and again."""
    found = request.get(BELIEVED)
    if found is None:
        headers, origin = tuple(request.headers.items()), request[ORIGIN]
        if request.app[SETTINGS].is_gateway:
            found = await prover.certified(peer_certificate(request), headers, origin)
        else:
            found = await _signed(request, prover, headers)
        request[BELIEVED] = found
    return found


async def _signed(request: web.Request, prover: GatewayProver, headers: Headers) -> BelievedHeaders:
    origin = request[ORIGIN]
    signed = SignedRequest(method=request.method, target=request.raw_path, headers=headers)
    # The digest of the body is signed, so that only a gateway can make this server read one.
    part = await prover.signed(signed, origin)
    request[BODY] = await read_body(request)
    return await prover.complete(signed, part, request[BODY], origin)
