"""`/oauth/token` and the metadata of this server as an authorization server (RFC 6749, 7523 and 8414)."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from aiohttp import web

from ambassador_protocol.paths import SERVER_METADATA, TOKEN
from ambassador_server.domain.people.issuers import Algorithm
from ambassador_server.errors import NotFoundError, TokenRequestError
from ambassador_server.services.sign_in.assertion_grant import JWT_BEARER, AssertionRequest
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.bodies import json_response
from ambassador_server.web.client import host_login
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.oauth_bodies import read_form, refusal, unstored

_BASIC: Final = "basic "
_SIGNED: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def token(request: web.Request) -> web.Response:
    """Give a client a token for an assertion; errors are those of OAuth."""
    grants = request.app[SIGN_IN].grants
    if grants.server() is None:
        raise NotFoundError("This server gives no access tokens")
    try:
        granted = await grants.exchange(await _request(request), request[ORIGIN])
    except TokenRequestError as error:
        return refusal(error)
    document: dict[str, str | int] = {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
    }
    if granted.scopes:
        document["scope"] = " ".join(granted.scopes)
    return unstored(document)


async def metadata(request: web.Request) -> web.Response:
    """Describe the token endpoint, or the server for hosts at this path."""
    path = request.path.removeprefix(SERVER_METADATA)
    hosts = request.app[SIGN_IN].hosts.servers.at(path)
    if hosts is not None:
        return json_response(host_login.description(hosts))
    server = request.app[SIGN_IN].grants.server()
    if server is None or path != urlsplit(server).path:
        raise NotFoundError("This server gives no access tokens")
    return json_response(
        {
            "issuer": server,
            "token_endpoint": f"{server}{TOKEN}",
            "response_types_supported": [],
            "grant_types_supported": [JWT_BEARER],
            "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            "token_endpoint_auth_signing_alg_values_supported": [
                each for each in Algorithm if each is not Algorithm.HS256
            ],
        }
    )


async def _request(request: web.Request) -> AssertionRequest:
    form = await read_form(request)
    if form.get("grant_type") != JWT_BEARER:
        known = "grant_type" in form
        raise TokenRequestError(
            "unsupported_grant_type" if known else "invalid_request",
            "The grant_type must be that of RFC 7523.",
        )
    client_id, secret, signed = _client(request, form)
    if not form.get("assertion"):
        raise TokenRequestError("invalid_request", "The assertion is missing.")
    return AssertionRequest(
        client_id=client_id,
        client_secret=secret,
        client_assertion=signed,
        assertion=form["assertion"],
        resource=form.get("resource"),
        scope=form.get("scope"),
    )


def _client(request: web.Request, form: dict[str, str]) -> tuple[str, str | None, str | None]:
    """Return the id of the client and its secret or its assertion; it authenticates itself in exactly one way."""
    header, signed = request.headers.get("Authorization"), form.get("client_assertion")
    ways = (header is not None) + ("client_secret" in form) + (signed is not None)
    if ways > 1:
        raise TokenRequestError("invalid_request", "The client authenticates itself in two ways.")
    if header is not None:
        client_id, secret = _basic(header)
        if form.get("client_id", client_id) != client_id:
            raise TokenRequestError("invalid_request", "The request is of two clients.")
        return client_id, secret, None
    if signed is not None and form.get("client_assertion_type") != _SIGNED:
        raise TokenRequestError("invalid_request", "The client_assertion_type must be that of RFC 7523.")
    client_id = form.get("client_id", "")
    if not client_id or not (form.get("client_secret") or signed):
        raise TokenRequestError(
            "invalid_client", "The client must authenticate itself, with its client_id beside its proof."
        )
    return client_id, form.get("client_secret"), signed


def _basic(header: str) -> tuple[str, str]:
    try:
        if not header.lower().startswith(_BASIC):
            raise ValueError
        plain = base64.b64decode(header[len(_BASIC) :].strip(), validate=True).decode("ascii")
        client_id, sign, secret = plain.partition(":")
        if not sign:
            raise ValueError
        # RFC 6749, section 2.3.1: both are encoded as in a form.
        return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise TokenRequestError("invalid_client", "The client must authenticate itself with Basic.") from None


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.post(TOKEN, token),
        web.get(SERVER_METADATA, metadata),
        web.get(f"{SERVER_METADATA}/{{path:.*}}", metadata),
    ]
