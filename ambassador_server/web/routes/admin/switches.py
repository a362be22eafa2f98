"""`/v1/admin/kill-switches`: parse, call the service, render."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.switches import NewSwitch
from ambassador_protocol.paths import SWITCHES
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.switches import SwitchScope
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choice, duration, requester
from ambassador_server.web.views import switch_view


async def activate(request: web.Request) -> web.Response:
    """Stop something."""
    body = await read_strict(request, NewSwitch)
    switch = await request.app[SERVICES].switches.activate(
        requester(request),
        scope=choice(SwitchScope, body.scope, "scope"),
        target=body.target,
        reason=body.reason,
        message=body.message,
        lasts=duration(body.expires_in_seconds),
        drill=body.drill,
    )
    return json_response(switch_view(switch, datetime.now(UTC)), status=201)


async def lift(request: web.Request) -> web.Response:
    """Lift a switch."""
    switch = await request.app[SERVICES].switches.lift(requester(request), request.match_info["id"])
    return json_response(switch_view(switch, datetime.now(UTC)))


async def index(request: web.Request) -> web.Response:
    """List the switches in force, or with `all=true` every one there was."""
    include_past, now = request.query.get("all") == "true", datetime.now(UTC)
    wanted = listing(request, "all")
    switches = await request.app[SERVICES].switches.page(wanted, include_past=include_past)
    return json_response(page(request, switches, lambda switch: switch_view(switch, now)))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(SWITCHES, administered(Right.READ, index)),
        web.post(SWITCHES, administered(Right.OPERATE, activate)),
        web.post(f"{SWITCHES}/{{id}}/lift", administered(Right.OPERATE, lift)),
    ]
