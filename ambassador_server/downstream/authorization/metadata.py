"""Reads and checks the documents that describe an MCP as a resource, and its authorization server."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from yarl import URL

from ambassador_server.domain.catalog.credential_needs import GrantType, OAuthNeeds
from ambassador_server.downstream.authorization.challenges import read_scopes, unite
from ambassador_server.errors import UntrustedMetadataError
from ambassador_server.guarded_http.addresses import check_url
from ambassador_server.ports.authorization import ServerMetadata

_S256: Final = "S256"
_DEFAULT_AUTH_METHODS: Final = ("client_secret_basic",)


class ResourceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of a protected resource (RFC 9728)."""

    resource: str
    authorization_servers: list[str] | None = None
    scopes_supported: list[Any] | None = None


class ServerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of an authorization server (RFC 8414); a list that is None is not in the document."""

    issuer: str
    token_endpoint: str | None = None
    authorization_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    scopes_supported: list[Any] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    revocation_endpoint_auth_methods_supported: list[str] | None = None
    grant_types_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    client_id_metadata_document_supported: bool | None = None


def read_resource(document: Mapping[str, Any], url: str, needs: OAuthNeeds) -> ResourceDocument | None:
    """Return a document about the MCP at `url`, or None for anything that is no such document.

    Raises UntrustedMetadataError for a document about another resource.
    """
    try:
        found = msgspec.convert(document, ResourceDocument)
    except msgspec.ValidationError:
        return None
    if not _covers(found.resource, url) and found.resource != needs.resource:
        raise UntrustedMetadataError(
            "The MCP describes another resource than itself, so its authorization server is not trusted."
        )
    return found


def read_server(document: Mapping[str, Any]) -> ServerDocument | None:
    """Return the document of an authorization server, or None for anything else."""
    try:
        return msgspec.convert(document, ServerDocument)
    except msgspec.ValidationError:
        return None


def server_metadata(
    url: str,
    needs: OAuthNeeds,
    resource: ResourceDocument | None,
    document: ServerDocument,
    *,
    found_at: str,
) -> ServerMetadata:
    """Return the checked metadata; declared endpoints have precedence over those of the document."""
    authorization = needs.authorization_endpoint or document.authorization_endpoint
    device = needs.device_endpoint or document.device_authorization_endpoint
    revocation = needs.revocation_endpoint or document.revocation_endpoint
    token = needs.token_endpoint or document.token_endpoint
    private = needs.private_addresses
    for endpoint in (authorization, token, device, revocation, document.registration_endpoint):
        if endpoint is not None:
            check_url(endpoint, private=private)
    if token is None:
        raise UntrustedMetadataError("The authorization server names no token endpoint.")
    if authorization and authorization != needs.authorization_endpoint and needs.grant is GrantType.USER:
        _check_pkce(document)
    resource_scopes = read_scopes((resource and resource.scopes_supported) or [])
    methods = document.token_endpoint_auth_methods_supported
    return ServerMetadata(
        issuer=document.issuer,
        token_endpoint=token,
        authorization_endpoint=authorization,
        device_endpoint=device,
        registration_endpoint=document.registration_endpoint,
        revocation_endpoint=revocation,
        resource=_resource_to_send(url, needs, resource),
        resource_scopes=resource_scopes,
        offered_scopes=unite(resource_scopes, read_scopes(document.scopes_supported or [])),
        token_auth_methods=_DEFAULT_AUTH_METHODS if methods is None else tuple(methods),
        revocation_auth_methods=tuple(document.revocation_endpoint_auth_methods_supported or ()),
        grant_types=tuple(document.grant_types_supported or ()),
        sends_issuer=document.authorization_response_iss_parameter_supported is True,
        reads_client_documents=document.client_id_metadata_document_supported is True,
        issuer_differs=document.issuer != found_at,
        private_addresses=private,
    )


def _check_pkce(document: ServerDocument) -> None:
    if _S256 not in (document.code_challenge_methods_supported or []):
        raise UntrustedMetadataError(
            "The authorization server does not say that it supports PKCE with S256, which protects codes from theft; "
            "if it does, declare its endpoints."
        )


def _resource_to_send(url: str, needs: OAuthNeeds, resource: ResourceDocument | None) -> str | None:
    if needs.resource == "omit":
        return None
    if needs.resource != "send":
        return needs.resource
    if resource is not None:
        return resource.resource
    mcp = URL(url)
    # Written as a text: a URL class would add a slash to a host without a path.
    query = f"?{mcp.raw_query_string}" if mcp.raw_query_string else ""
    return str(mcp.origin()) + mcp.raw_path.removesuffix("/" if mcp.path == "/" else "") + query


def _covers(resource: str, url: str) -> bool:
    """Tell whether a resource identifier is the URL, or the part of its server below which it lies."""
    try:
        named, mcp = URL(resource), URL(url)
        same_server = named.origin() == mcp.origin()
    except ValueError:
        return False
    inside = f"{mcp.path.rstrip('/')}/".startswith(f"{named.path.rstrip('/')}/")
    return (
        same_server and inside and not named.fragment and named.raw_query_string in ("", mcp.raw_query_string)
    )
