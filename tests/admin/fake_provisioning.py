"""The routes of the fake admin API for what clients are given: their subscriptions."""

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.subscriptions import SubscriptionPut
from tests.admin.fake_routes import API, Refusal, _for, _known, _page, _read


def provisioning() -> list[web.RouteDef]:
    """Return the routes."""
    subscription = paths.SUBSCRIPTIONS + "/{key_id}/{mcp}"
    return [
        web.get(paths.SUBSCRIPTIONS, _for("read", _subscriptions)),
        web.put(subscription, _for("provision", _subscribe)),
        web.delete(subscription, _for("provision", _unsubscribe)),
    ]


async def _subscriptions(request: web.Request) -> web.Response:
    return await _page(request, request.app[API].subscriptions)


async def _subscribe(request: web.Request) -> web.Response:
    body, api = await _read(request, SubscriptionPut), request.app[API]
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    _known(api.keys, "key", key_id)
    _known(api.mcps, "MCP", mcp)
    new = f"{key_id}/{mcp}" not in api.subscriptions
    return web.json_response(api.add_subscription(key_id, mcp, *body.tools), status=201 if new else 200)


async def _unsubscribe(request: web.Request) -> web.Response:
    subscriptions = request.app[API].subscriptions
    key_id, mcp = request.match_info["key_id"], request.match_info["mcp"]
    if f"{key_id}/{mcp}" not in subscriptions:
        raise Refusal(404, f"Key {key_id!r} has no subscription to {mcp!r}")
    del subscriptions[f"{key_id}/{mcp}"]
    return web.Response(status=204)
