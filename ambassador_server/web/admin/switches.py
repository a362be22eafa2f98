"""`/v1/admin/kill-switches`: activates, lifts and lists kill switches."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.admin.switches import Hits, ImpactView, NewSwitch, SwitchDetail, SwitchView
from ambassador_protocol.paths import SWITCHES
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.services.administration.switch_effects import CountedNames, NamedImpact
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.policy_views import switch_view
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choice, duration, flag, requester


async def activate(request: web.Request, body: NewSwitch) -> web.Response:
    """Activate a kill switch."""
    administration = request.app[ADMINISTRATION]
    running = administration.switch_effects.running()
    written = await administration.switches.activate(
        requester(request),
        scope=choice(SwitchScope, body.scope, "scope"),
        target=body.target,
        reason=body.reason,
        message=body.message,
        lifetime=duration(body.expires_in_seconds),
        drill=body.drill,
        allow_unmatched=bool(body.allow_unmatched),
    )
    impact = await administration.switch_effects.of(written.item, running)
    return json_response(_detail(written.item, impact, written.warnings), status=201)


async def show(request: web.Request) -> web.Response:
    """Show a kill switch and its impact."""
    administration = request.app[ADMINISTRATION]
    switch = await administration.switches.get(request.match_info["id"])
    return json_response(
        _detail(
            switch, await administration.switch_effects.of(switch, administration.switch_effects.running())
        )
    )


async def lift(request: web.Request) -> web.Response:
    """Lift a kill switch."""
    switch = await request.app[ADMINISTRATION].switches.lift(requester(request), request.match_info["id"])
    return json_response(switch_view(switch, datetime.now(UTC)))


async def index(request: web.Request) -> web.Response:
    """List the active kill switches, or all with `all=true`."""
    include_past, now = flag(request, "all", default=False), datetime.now(UTC)
    wanted = listing(request)
    switches = await request.app[ADMINISTRATION].switches.page(wanted, include_past=include_past)
    return json_response(page(request, switches, lambda switch: switch_view(switch, now)))


def _detail(switch: KillSwitch, impact: NamedImpact | None, warnings: tuple[str, ...] = ()) -> SwitchDetail:
    shown = switch_view(switch, datetime.now(UTC))
    shown_impact = None if impact is None else _impact_view(impact)
    return extended(SwitchDetail, shown, impact=shown_impact, warnings=list(warnings))


def _impact_view(impact: NamedImpact) -> ImpactView:
    return ImpactView(
        users=_hits(impact.users),
        mcps=_hits(impact.mcps),
        tools=_hits(impact.tools),
        resources=_hits(impact.resources),
        prompts=_hits(impact.prompts),
        sessions=impact.sessions,
        token_clients=impact.token_clients,
        calls=impact.calls,
    )


def _hits(names: CountedNames) -> Hits:
    return Hits(count=names.count, first=list(names.first))


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one = f"{SWITCHES}/{{id}}"
    past = Parameter(
        name="all", description="`true` also lists switches that are no longer active.", kind="boolean"
    )
    return [
        Endpoint(
            method="GET",
            path=SWITCHES,
            right=Right.READ,
            handler=index,
            response_type=Page[SwitchView],
            query=(*LIST, past),
        ),
        Endpoint(
            method="POST",
            path=SWITCHES,
            right=Right.OPERATE,
            handler=activate,
            body_type=NewSwitch,
            response_type=SwitchDetail,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, response_type=SwitchDetail),
        Endpoint(
            method="POST", path=f"{one}/lift", right=Right.OPERATE, handler=lift, response_type=SwitchView
        ),
    ]
