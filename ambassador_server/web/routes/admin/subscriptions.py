"""`/v1/admin/subscriptions`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.subscriptions import SubscriptionPut
from ambassador_protocol.paths import SUBSCRIPTIONS
from ambassador_server.domain.administrator import Right
from ambassador_server.services.writing import WriteResult
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import requester
from ambassador_server.web.views import subscription_view


async def put(request: web.Request) -> web.Response:
    """Subscribe a client, or change what it selects."""
    body, services = await read_strict(request, SubscriptionPut), request.app[SERVICES]
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    written = await services.subscriptions.set(requester(request), key_id, mcp, body.tools)
    view = subscription_view(written.item, services.policy.snapshot)
    return json_response(view, status=201 if written.result is WriteResult.CREATED else 200)


async def remove(request: web.Request) -> web.Response:
    """Take a client's choice back."""
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    await request.app[SERVICES].subscriptions.remove(requester(request), key_id, mcp)
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List subscriptions, oldest first unless the query says otherwise."""
    services = request.app[SERVICES]
    found = await services.subscriptions.page(listing(request))
    return json_response(page(request, found, lambda each: subscription_view(each, services.policy.snapshot)))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    one = f"{SUBSCRIPTIONS}/{{key_id}}/{{mcp}}"
    return [
        web.get(SUBSCRIPTIONS, administered(Right.READ, index)),
        web.put(one, administered(Right.PROVISION, put)),
        web.delete(one, administered(Right.PROVISION, remove)),
    ]
