"""`/v1/credentials`: shows, sets and removes the user's own credentials; no response has a value."""

from typing import Final

from aiohttp import web

from ambassador_protocol.credentials import (
    OwnCredentialField,
    OwnCredentialList,
    OwnCredentialPut,
    OwnCredentialView,
)
from ambassador_protocol.paths import OWN_CREDENTIALS
from ambassador_server.domain.catalog.credential_needs import OAUTH_FIELD, CredentialField
from ambassador_server.services.credentials.own_credentials import OwnCredential
from ambassador_server.web.app_keys import ORIGIN, PRINCIPAL
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.client.app_keys import CREDENTIALS
from ambassador_server.web.middleware.authenticate import authenticated
from ambassador_server.web.requests import check_parameters
from ambassador_server.web.timestamps import timestamp

_MAX_BYTES: Final = 256 << 10
_FIELD: Final = "field"


async def list_all(request: web.Request) -> web.Response:
    """List what granted MCPs need of the user, and what the user has given."""
    check_parameters(request, ())
    found = request.app[CREDENTIALS].own.all(request[PRINCIPAL])
    return json_response(OwnCredentialList(credentials=[view(each) for each in found]))


async def show(request: web.Request) -> web.Response:
    """Show what one MCP needs of the user, and what the user has given."""
    check_parameters(request, ())
    return json_response(
        view(request.app[CREDENTIALS].own.one(request[PRINCIPAL], request.match_info["mcp"]))
    )


async def put(request: web.Request) -> web.Response:
    """Set values of one MCP."""
    check_parameters(request, ())
    body = await read_strict(request, OwnCredentialPut, limit=_MAX_BYTES)
    own = request.app[CREDENTIALS].own
    changed = await own.set(request[PRINCIPAL], request[ORIGIN], request.match_info["mcp"], body.values)
    return json_response(view(changed))


async def remove(request: web.Request) -> web.Response:
    """Remove the value of `field`, or all values of one MCP."""
    check_parameters(request, (_FIELD,))
    await request.app[CREDENTIALS].own.remove(
        request[PRINCIPAL], request[ORIGIN], request.match_info["mcp"], request.query.get(_FIELD)
    )
    return web.Response(status=204)


def view(own: OwnCredential) -> OwnCredentialView:
    """Return what an MCP needs of a user, and what the user has given."""
    missing, given, needs = own.missing, own.given, own.mcp.credentials
    return OwnCredentialView(
        mcp=own.mcp.name,
        display_name=own.mcp.display_name,
        status=own.completeness,
        granted=own.is_granted,
        fields=[_field(own, field) for field in needs.user_fields],
        missing=[] if missing is None else list(missing.fields),
        needs_connect=needs.needs_connect,
        connected=own.has(OAUTH_FIELD),
        scopes=[] if given is None else list(given.scopes),
        issuer=None if given is None else given.issuer,
        updated_at=None if given is None else timestamp(given.updated_at),
    )


def _field(own: OwnCredential, field: CredentialField) -> OwnCredentialField:
    return OwnCredentialField(
        name=field.name,
        title=field.title,
        help=field.help,
        place=field.place,
        secret=field.secret,
        required=field.required,
        given=own.has(field.name),
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the client API."""
    return [
        web.get(OWN_CREDENTIALS, authenticated(list_all)),
        web.get(f"{OWN_CREDENTIALS}/{{mcp}}", authenticated(show)),
        web.put(f"{OWN_CREDENTIALS}/{{mcp}}", authenticated(put)),
        web.delete(f"{OWN_CREDENTIALS}/{{mcp}}", authenticated(remove)),
    ]
