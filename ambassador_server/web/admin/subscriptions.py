"""`/v1/admin/subscriptions`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.subscriptions import SubscriptionPut, SubscriptionView
from ambassador_protocol.paths import SUBSCRIPTIONS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.views import subscription_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import requester


async def put(request: web.Request, body: SubscriptionPut) -> web.Response:
    """Subscribe a client, or change what it selects."""
    administration = request.app[ADMINISTRATION]
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    written = await administration.subscriptions.set(requester(request), key_id, mcp, body.tools)
    view = subscription_view(written.item, administration.names)
    return json_response(view, status=201 if written.result is WriteResult.CREATED else 200)


async def remove(request: web.Request) -> web.Response:
    """Take a client's choice back."""
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    await request.app[ADMINISTRATION].subscriptions.remove(requester(request), key_id, mcp)
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List subscriptions, oldest first unless the query says otherwise."""
    administration = request.app[ADMINISTRATION]
    found = await administration.subscriptions.page(listing(request))
    return json_response(page(request, found, lambda each: subscription_view(each, administration.names)))


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    one, write = f"{SUBSCRIPTIONS}/{{key_id}}/{{mcp}}", Right.PROVISION
    return [
        Endpoint(
            method="GET",
            path=SUBSCRIPTIONS,
            right=Right.READ,
            handler=index,
            gives=Page[SubscriptionView],
            query=LIST,
        ),
        Endpoint(
            method="PUT",
            path=one,
            right=write,
            handler=put,
            takes=SubscriptionPut,
            gives=SubscriptionView,
            statuses=(200, 201),
        ),
        Endpoint(method="DELETE", path=one, right=write, handler=remove, statuses=(204,)),
    ]
