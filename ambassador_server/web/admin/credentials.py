"""`/v1/admin/credentials`: lists who has given what to which MCP, and revokes it; no response has a value."""

from typing import Final

from aiohttp import web

from ambassador_protocol.admin.credentials import (
    CredentialRevocation,
    CredentialView,
    McpCredentials,
    RevokedCredentials,
)
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import CREDENTIALS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.credentials.administration import McpState
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import requester
from ambassador_server.web.timestamps import timestamp

_MOST_NAMED: Final = 100


async def index(request: web.Request) -> web.Response:
    """List what users have given for MCPs, oldest first by default; never a value."""
    administration = request.app[ADMINISTRATION]
    found = await administration.credentials.page(listing(request))
    return json_response(page(request, found, lambda each: _view(administration, each)))


async def status(request: web.Request) -> web.Response:
    """Show of every MCP that needs credentials, or of `mcp`, how many of its users have given them."""
    found = request.app[ADMINISTRATION].credentials.overview(request.query.get("mcp"))
    return json_response(Page(items=[_state(each) for each in found], next_cursor=None, total=len(found)))


async def revoke(request: web.Request, body: CredentialRevocation) -> web.Response:
    """Remove the credential of a user for an MCP, or all of a user, or all for an MCP."""
    administration = request.app[ADMINISTRATION]
    revoked = await administration.credentials.revoke(requester(request), user=body.user, mcp=body.mcp)
    return json_response(RevokedCredentials(revoked=[_view(administration, each) for each in revoked]))


def _view(administration: AdministrationUseCases, given: UserCredential) -> CredentialView:
    missing, names = administration.credentials.missing(given), administration.names
    return CredentialView(
        id=given.credential_id,
        user=names.user(given.user_id) or given.user_id,
        mcp=names.mcp(given.mcp_id) or given.mcp_id,
        status=given.status,
        fields=list(given.fields),
        missing=[] if missing is None else list(missing.fields),
        scopes=list(given.scopes),
        issuer=given.issuer,
        created_at=timestamp(given.created_at),
        updated_at=timestamp(given.updated_at),
    )


def _state(state: McpState) -> McpCredentials:
    needs = state.mcp.credentials
    return McpCredentials(
        mcp=state.mcp.name,
        fields=[field.name for field in needs.user_fields],
        shared=[field.name for field in needs.fields if not field.is_per_user],
        needs_connect=needs.needs_connect,
        users=len(state.complete) + len(state.missing) + len(state.dead),
        complete=len(state.complete),
        missing=len(state.missing),
        dead=len(state.dead),
        waiting=sorted((*state.missing, *state.dead))[:_MOST_NAMED],
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    mcp = Parameter(name="mcp", description="The MCP whose state is shown; by default all.")
    return [
        Endpoint(
            method="GET",
            path=CREDENTIALS,
            right=Right.READ,
            handler=index,
            response_type=Page[CredentialView],
            query=LIST,
        ),
        Endpoint(
            method="GET",
            path=f"{CREDENTIALS}/status",
            right=Right.READ,
            handler=status,
            response_type=Page[McpCredentials],
            query=(mcp,),
        ),
        Endpoint(
            method="POST",
            path=f"{CREDENTIALS}/revoke",
            right=Right.OPERATE,
            handler=revoke,
            body_type=CredentialRevocation,
            response_type=RevokedCredentials,
        ),
    ]
