"""Builds `WWW-Authenticate`: how a caller that is refused can authenticate."""

from aiohttp import web

from ambassador_protocol.paths import SESSION_TOKEN_HEADER
from ambassador_server.errors import AmbassadorError, InsufficientScopeError
from ambassador_server.web.app_keys import PROTECTED_RESOURCE

_REALM = 'Bearer realm="mcp-ambassador"'


def challenge(request: web.Request, error: AmbassadorError) -> str:
    """Return the challenge for an error; where hosts can log in, it names the metadata and the scopes to ask for."""
    resource = request.app.get(PROTECTED_RESOURCE)
    place = None if resource is None else resource.login_place()
    scopes = () if place is None else place.challenged_scopes
    parts = [_REALM]
    if isinstance(error, InsufficientScopeError):
        parts.append('error="insufficient_scope"')
        scopes = error.scopes
    elif request.headers.get("Authorization") or request.headers.get(SESSION_TOKEN_HEADER):
        # Without a credential there is nothing wrong yet.
        parts.append('error="invalid_token"')
    if place is not None:
        parts.append(f'resource_metadata="{place.metadata_url}"')
    if scopes:
        parts.append(f'scope="{" ".join(scopes)}"')
    return ", ".join(parts)
