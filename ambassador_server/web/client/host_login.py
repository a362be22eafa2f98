"""`/oauth/hosts/{issuer}/register` and `/token`: what hosts without a client at the provider ask (RFC 7591, 6749)."""

from typing import Any, Final

import msgspec
from aiohttp import web

from ambassador_protocol.paths import HOST_LOGIN
from ambassador_server.domain.people.host_requests import HOST_CLIENT_ID
from ambassador_server.errors import InvalidInputError, TokenRequestError
from ambassador_server.services.sign_in.host_exchange import CODE_GRANT, REFRESH_GRANT
from ambassador_server.services.sign_in.host_servers import HostServer
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.bodies import read_tolerant
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.oauth_bodies import read_form, refusal, unstored

_MAX_BYTES: Final = 16 * 1024
_GRANTS: Final = (CODE_GRANT, REFRESH_GRANT)


class Registration(msgspec.Struct):
    """What of a registration is looked at; a host is a public client, whatever else it asks for."""

    redirect_uris: list[str]


def description(server: HostServer) -> dict[str, Any]:
    """Return the metadata of the server for hosts (RFC 8414)."""
    at = server.identifier
    return {
        "issuer": at,
        "authorization_endpoint": f"{at}/authorize",
        "token_endpoint": f"{at}/token",
        "registration_endpoint": f"{at}/register",
        "scopes_supported": list(server.scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(_GRANTS),
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


async def register(request: web.Request) -> web.Response:
    """Tell a host which client it is; the redirect URIs are those that it may use, and nothing else is kept."""
    hosts = request.app[SIGN_IN].hosts
    name = request.match_info["name"]
    hosts.servers.named(name)
    try:
        wanted = await _registration(request)
        await hosts.register(name, wanted.redirect_uris, request[ORIGIN])
    except TokenRequestError as error:
        return refusal(error)
    return unstored(
        {
            "client_id": HOST_CLIENT_ID,
            "redirect_uris": wanted.redirect_uris,
            "grant_types": list(_GRANTS),
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        },
        201,
    )


async def token(request: web.Request) -> web.Response:
    """Give a host the tokens of the provider for a code or a refresh token; errors are those of OAuth."""
    sign_in, name = request.app[SIGN_IN], request.match_info["name"]
    sign_in.hosts.servers.named(name)
    try:
        if "Authorization" in request.headers:
            raise TokenRequestError("invalid_client", "Hosts are public clients, and have no secret.")
        found = await sign_in.host_tokens.exchange(name, await read_form(request), request[ORIGIN])
    except TokenRequestError as error:
        return refusal(error)
    document = {"access_token": found.access_token, "token_type": found.token_type}
    more = {"expires_in": found.expires_in, "refresh_token": found.refresh_token, "scope": found.scope}
    return unstored({**document, **{key: value for key, value in more.items() if value is not None}})


async def _registration(request: web.Request) -> Registration:
    try:
        return await read_tolerant(request, Registration, limit=_MAX_BYTES)
    except InvalidInputError as error:
        raise TokenRequestError("invalid_client_metadata", error.message) from None


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    one = f"{HOST_LOGIN}/{{name}}"
    return [web.post(f"{one}/register", register), web.post(f"{one}/token", token)]
