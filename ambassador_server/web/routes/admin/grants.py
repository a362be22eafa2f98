"""`/v1/admin/grants`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.grants import NewGrant
from ambassador_protocol.paths import GRANTS
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.grants import Effect
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choice, duration, page, requester
from ambassador_server.web.views import grant_view


async def add(request: web.Request) -> web.Response:
    """Add a grant."""
    body, services = await read_strict(request, NewGrant), request.app[SERVICES]
    grant = await services.grants.add(
        requester(request),
        group_name=body.group,
        mcp_name=body.mcp,
        patterns=body.tools,
        effect=choice(Effect, body.effect, "effect"),
        lasts=duration(body.expires_in_seconds),
    )
    return json_response(grant_view(grant, services.policy.snapshot), status=201)


async def remove(request: web.Request) -> web.Response:
    """Remove a grant."""
    await request.app[SERVICES].grants.remove(requester(request), request.match_info["id"])
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List grants in a fixed order."""
    services = request.app[SERVICES]
    grants = await services.grants.all()
    return json_response(
        page(
            request,
            grants,
            lambda grant: grant.grant_id,
            lambda grant: grant_view(grant, services.policy.snapshot),
        )
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(GRANTS, administered(Right.READ, index)),
        web.post(GRANTS, administered(Right.MANAGE, add)),
        web.delete(f"{GRANTS}/{{id}}", administered(Right.MANAGE, remove)),
    ]
