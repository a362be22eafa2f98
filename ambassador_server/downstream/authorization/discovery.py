"""Finds the authorization server of an MCP: RFC 9728, then RFC 8414 and OpenID Connect Discovery."""

import asyncio
from collections.abc import Sequence
from typing import Final

from yarl import URL

from ambassador_server.domain.catalog.credential_needs import GrantType, OAuthNeeds
from ambassador_server.downstream.authorization.metadata import (
    ResourceDocument,
    ServerDocument,
    read_resource,
    read_server,
    server_metadata,
)
from ambassador_server.errors import (
    AuthorizationError,
    AuthorizationServerUnavailableError,
    IssuerMismatchError,
    UntrustedMetadataError,
)
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.guarded_http.requests import Answer, GuardedHttp
from ambassador_server.ports.authorization import Challenge, ServerMetadata

_RESOURCE: Final = "/.well-known/oauth-protected-resource"
_SERVER: Final = "/.well-known/oauth-authorization-server"
_OPENID: Final = "/.well-known/openid-configuration"
_MOST_SERVERS: Final = 3
_SECONDS: Final = 30.0
"""The time for all documents together."""
_LONGEST_SHOWN: Final = 200


async def discover(
    http: GuardedHttp, url: str, needs: OAuthNeeds, challenge: Challenge | None
) -> ServerMetadata:
    """Return the metadata of the authorization server that an MCP at `url` uses; what is declared has precedence."""
    if _is_declared(needs):
        return _declared(url, needs)
    try:
        async with asyncio.timeout(_SECONDS):
            resource = await _find_resource(http, url, needs, challenge)
            document, found_at = await _find_server(http, needs, _issuers(url, needs, resource))
    except TimeoutError:
        raise AuthorizationServerUnavailableError(
            f"The authorization server of the MCP was not found within {_SECONDS:.0f} s."
        ) from None
    return server_metadata(url, needs, resource, document, found_at=found_at)


async def discover_provider(http: GuardedHttp, issuer: str, *, private_addresses: bool) -> ServerMetadata:
    """Return the metadata of an identity provider, which must be about this issuer."""
    needs = OAuthNeeds(
        grant=GrantType.IDENTITY_ASSERTION,
        issuer=issuer,
        resource="omit",
        private_addresses=private_addresses,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            document, found_at = await _find_server(http, needs, [issuer])
    except TimeoutError:
        raise AuthorizationServerUnavailableError(
            f"The identity provider was not found within {_SECONDS:.0f} s."
        ) from None
    return server_metadata(issuer, needs, None, document, found_at=found_at)


def _is_declared(needs: OAuthNeeds) -> bool:
    consent = needs.authorization_endpoint or needs.device_endpoint
    return bool(needs.token_endpoint and (consent or needs.grant is not GrantType.USER))


def _declared(url: str, needs: OAuthNeeds) -> ServerMetadata:
    """Return the declared endpoints; without a declared issuer the token endpoint stands for the server."""
    issuer = needs.issuer or needs.token_endpoint or ""
    # Nothing is known about the authentication, so that both methods are tried.
    document = ServerDocument(
        issuer=issuer, token_endpoint=needs.token_endpoint, token_endpoint_auth_methods_supported=[]
    )
    return server_metadata(url, needs, None, document, found_at=issuer)


async def _find_resource(
    http: GuardedHttp, url: str, needs: OAuthNeeds, challenge: Challenge | None
) -> ResourceDocument | None:
    """Return the first document about the MCP that there is, whose `resource` then has to be the MCP."""
    challenged = [challenge.resource_metadata] if challenge and challenge.resource_metadata else []
    mcp = URL(url)
    below = [_well_known(mcp, _RESOURCE)] if mcp.path != "/" else []
    for candidate in (*challenged, *below, _well_known(mcp.origin(), _RESOURCE)):
        answer = await http.get(candidate, private=needs.private_addresses)
        if _is_here(answer) and (document := read_resource(answer.json_or_empty(), url, needs)):
            return document
    return None


def _issuers(url: str, needs: OAuthNeeds, resource: ResourceDocument | None) -> list[str]:
    """Return where to look for the server: at its pinned issuer, at those that the MCP names, else at its origin."""
    pinned = [needs.issuer] if needs.issuer else []
    named = (resource and resource.authorization_servers) or []
    origin = [] if pinned or named else [str(URL(url).origin())]
    return list(dict.fromkeys([*pinned, *named[:_MOST_SERVERS], *origin]))


async def _find_server(
    http: GuardedHttp, needs: OAuthNeeds, issuers: Sequence[str]
) -> tuple[ServerDocument, str]:
    """Return the first document with the expected issuer, and the issuer under which it was found.

    A pinned issuer that fails leads to no other place: only one without any document does, because else a server that
    the MCP names could take its place whenever it is down.
    """
    failure: AuthorizationError | None = None
    for issuer in issuers:
        try:
            document = await _fetch_server(http, needs, issuer)
        except (UntrustedMetadataError, AuthorizationServerUnavailableError) as error:
            if issuer == needs.issuer:
                raise
            failure = failure or error
            continue
        if document is not None:
            return document, issuer
    raise failure or AuthorizationServerUnavailableError(
        f"The authorization server at {URL(issuers[-1]).host} offers no metadata, so its endpoints have to be declared."
    )


async def _fetch_server(http: GuardedHttp, needs: OAuthNeeds, issuer: str) -> ServerDocument | None:
    """Return the document of an issuer, None if there is none at any place."""
    base = check_url(issuer, private=needs.private_addresses)
    for candidate in _server_documents(base):
        answer = await http.get(candidate, private=needs.private_addresses)
        document = read_server(answer.json_or_empty()) if _is_here(answer) else None
        if document is None:
            continue
        if document.issuer != (needs.issuer or issuer):
            raise IssuerMismatchError(
                f"The authorization server at {answer.host} has the issuer {_short(document.issuer)} instead of "
                f"{_short(needs.issuer or issuer)}; if that is right, declare it as the issuer of the MCP."
            )
        return document
    return None


def _server_documents(issuer: URL) -> Sequence[str]:
    """Return the URLs of the metadata of an issuer in the order that MCP prescribes."""
    if issuer.path == "/":
        return _well_known(issuer, _SERVER), _well_known(issuer, _OPENID)
    appended = str(issuer.origin()) + issuer.raw_path.rstrip("/") + _OPENID
    return _well_known(issuer, _SERVER), _well_known(issuer, _OPENID), appended


def _well_known(url: URL, kind: str) -> str:
    """Return the well-known URL: its path stands before that of the URL (RFC 8414, RFC 9728)."""
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    return str(url.origin()) + kind + url.raw_path.rstrip("/") + query


def _short(url: str) -> str:
    return repr(url[:_LONGEST_SHOWN])


def _is_here(answer: Answer) -> bool:
    """Tell whether a document is at this URL; a server that fails says nothing about that."""
    if answer.status >= 500 or answer.status == 429:
        raise AuthorizationServerUnavailableError(
            f"The authorization server at {answer.host} answered HTTP {answer.status}."
        )
    return answer.status == 200
