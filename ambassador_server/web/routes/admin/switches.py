"""`/v1/admin/kill-switches`: parse, call the service, render."""

from dataclasses import fields
from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.switches import Hits, ImpactView, NewSwitch, SwitchDetail
from ambassador_protocol.paths import SWITCHES
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.switches import KillSwitch, SwitchScope
from ambassador_server.services.impacts import NamedImpact
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import choice, duration, requester
from ambassador_server.web.views import switch_view


async def activate(request: web.Request) -> web.Response:
    """Stop something."""
    body, services = await read_strict(request, NewSwitch), request.app[SERVICES]
    running = services.impacts.running()
    switch = await services.switches.activate(
        requester(request),
        scope=choice(SwitchScope, body.scope, "scope"),
        target=body.target,
        reason=body.reason,
        message=body.message,
        lasts=duration(body.expires_in_seconds),
        drill=body.drill,
    )
    return json_response(_detail(switch, await services.impacts.of(switch, running)), status=201)


async def show(request: web.Request) -> web.Response:
    """Show one switch and its impact."""
    services = request.app[SERVICES]
    switch = await services.switches.get(request.match_info["id"])
    return json_response(_detail(switch, await services.impacts.of(switch, services.impacts.running())))


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


def _detail(switch: KillSwitch, impact: NamedImpact | None) -> SwitchDetail:
    shown = switch_view(switch, datetime.now(UTC))
    members = {field.name: getattr(shown, field.name) for field in fields(shown)}
    return SwitchDetail(**members, impact=None if impact is None else _impact_view(impact))


def _impact_view(impact: NamedImpact) -> ImpactView:
    users, mcps, tools = (
        Hits(count=hits.count, first=list(hits.first)) for hits in (impact.users, impact.mcps, impact.tools)
    )
    return ImpactView(users=users, mcps=mcps, tools=tools, sessions=impact.sessions, calls=impact.calls)


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(SWITCHES, administered(Right.READ, index)),
        web.post(SWITCHES, administered(Right.OPERATE, activate)),
        web.get(f"{SWITCHES}/{{id}}", administered(Right.READ, show)),
        web.post(f"{SWITCHES}/{{id}}/lift", administered(Right.OPERATE, lift)),
    ]
