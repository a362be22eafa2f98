"""`/v1/admin/limits` and `/v1/admin/limit-counters`: sets, removes and lists limits, and shows the fullest counters."""

from aiohttp import web

from ambassador_protocol.admin.limits import LimitCounterView, LimitPut, LimitView, WrittenLimit
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import LIMIT_COUNTERS, LIMITS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.limits import Limit, LimitScope, LimitUse, Measure
from ambassador_server.services.administration.limits import LimitSpec
from ambassador_server.services.administration.names import Names
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import DEFAULT_PAGE, MAX_PAGE, choice, page_limit, requester
from ambassador_server.web.timestamps import timestamp


async def put(request: web.Request, body: LimitPut) -> web.Response:
    """Create or replace a limit, with effect from the next call."""
    written = await request.app[ADMINISTRATION].limits.put(
        requester(request), request.match_info["name"], limit_spec(body)
    )
    status = 201 if written.result is WriteResult.CREATED else 200
    shown = extended(WrittenLimit, limit_view(written.item), warnings=list(written.warnings))
    return json_response(shown, status=status)


async def show(request: web.Request) -> web.Response:
    """Show a limit."""
    limit = await request.app[ADMINISTRATION].limits.get(request.match_info["name"])
    return json_response(limit_view(limit))


async def remove(request: web.Request) -> web.Response:
    """Remove a limit, with effect from the next call."""
    await request.app[ADMINISTRATION].limits.remove(requester(request), request.match_info["name"])
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List limits, by name by default."""
    limits = await request.app[ADMINISTRATION].limits.page(listing(request))
    return json_response(page(request, limits, limit_view))


async def counters(request: web.Request) -> web.Response:
    """Show the fullest counters of the answering server."""
    administration = request.app[ADMINISTRATION]
    found = await administration.limits.fullest(page_limit(request))
    shown = [_counter_view(each, administration.names) for each in found]
    return json_response(Page(items=shown, next_cursor=None))


def limit_spec(body: LimitPut) -> LimitSpec:
    """Convert the body to a LimitSpec."""
    return LimitSpec(
        scope=choice(LimitScope, body.scope, "scope"),
        target=body.target,
        measure=choice(Measure, body.measure, "measure"),
        value=body.value,
        burst=body.burst,
        owner=body.owner,
        allow_unmatched=bool(body.allow_unmatched),
    )


def limit_view(limit: Limit) -> LimitView:
    """Convert a limit."""
    return LimitView(
        id=limit.limit_id,
        name=limit.name,
        scope=limit.scope,
        target=limit.target_name,
        measure=limit.measure,
        value=limit.value,
        burst=limit.burst,
        owner=limit.owner,
        created_at=timestamp(limit.created_at),
        created_by=limit.created_by,
        updated_at=timestamp(limit.updated_at),
    )


def _counter_view(use: LimitUse, names: Names) -> LimitCounterView:
    limit = use.limit
    return LimitCounterView(
        limit=limit.name,
        scope=limit.scope,
        target=limit.target_name,
        measure=limit.measure,
        user=(names.user(use.subject) or use.subject) if use.subject else None,
        used=use.used,
        most=limit.burst or limit.value,
        percent=round(100 * use.share),
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    one = f"{LIMITS}/{{name}}"
    most = Parameter(
        name="limit",
        description=f"How many counters to show, at most {MAX_PAGE}. Default: {DEFAULT_PAGE}.",
        kind="integer",
    )
    return [
        Endpoint(
            method="GET",
            path=LIMITS,
            right=Right.READ,
            handler=index,
            response_type=Page[LimitView],
            query=LIST,
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, response_type=LimitView),
        Endpoint(
            method="PUT",
            path=one,
            right=Right.MANAGE,
            handler=put,
            body_type=LimitPut,
            response_type=WrittenLimit,
            statuses=(200, 201),
        ),
        Endpoint(method="DELETE", path=one, right=Right.MANAGE, handler=remove, statuses=(204,)),
        Endpoint(
            method="GET",
            path=LIMIT_COUNTERS,
            right=Right.READ,
            handler=counters,
            response_type=Page[LimitCounterView],
            query=(most,),
        ),
    ]
