"""`/.well-known/oauth-protected-resource`: tells hosts without a token where to log in (RFC 9728)."""

from aiohttp import web

from ambassador_protocol.paths import RESOURCE_METADATA
from ambassador_server.web.app_keys import PROTECTED_RESOURCE
from ambassador_server.web.bodies import json_response


async def metadata(request: web.Request) -> web.Response:
    """Describe `/mcp` as a protected resource; also at the root, where some hosts look."""
    path = request.path.removeprefix(RESOURCE_METADATA)
    place = request.app[PROTECTED_RESOURCE].described(path)
    document = {
        "resource": place.resource,
        "authorization_servers": list(place.servers),
        "scopes_supported": list(place.scopes),
        "bearer_methods_supported": ["header"],
    }
    return json_response(document)


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [web.get(RESOURCE_METADATA, metadata), web.get(f"{RESOURCE_METADATA}/{{path:.*}}", metadata)]
