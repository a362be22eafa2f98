"""`/v1/admin/subscriptions`: changes and lists the subscriptions of client keys."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.subscriptions import SubscriptionPut, SubscriptionView, WrittenSubscription
from ambassador_protocol.paths import SUBSCRIPTIONS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.policy_views import subscription_view
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import patterns_of, requester


async def put(request: web.Request, body: SubscriptionPut) -> web.Response:
    """Subscribe a client key to an MCP, or change what it selects."""
    administration = request.app[ADMINISTRATION]
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    written = await administration.subscriptions.set_for(
        requester(request), key_id, mcp, patterns_of(body), allow_unmatched=bool(body.allow_unmatched)
    )
    shown = subscription_view(written.item, administration.names)
    view = extended(WrittenSubscription, shown, warnings=list(written.warnings))
    return json_response(view, status=201 if written.result is WriteResult.CREATED else 200)


async def remove(request: web.Request) -> web.Response:
    """Remove a subscription of a client key."""
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    await request.app[ADMINISTRATION].subscriptions.remove(requester(request), key_id, mcp)
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List subscriptions, oldest first by default."""
    administration = request.app[ADMINISTRATION]
    found = await administration.subscriptions.page(listing(request))
    return json_response(page(request, found, lambda each: subscription_view(each, administration.names)))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one, write = f"{SUBSCRIPTIONS}/{{key_id}}/{{mcp}}", Right.PROVISION
    return [
        Endpoint(
            method="GET",
            path=SUBSCRIPTIONS,
            right=Right.READ,
            handler=index,
            response_type=Page[SubscriptionView],
            query=LIST,
        ),
        Endpoint(
            method="PUT",
            path=one,
            right=write,
            handler=put,
            body_type=SubscriptionPut,
            response_type=WrittenSubscription,
            statuses=(200, 201),
        ),
        Endpoint(method="DELETE", path=one, right=write, handler=remove, statuses=(204,)),
    ]
