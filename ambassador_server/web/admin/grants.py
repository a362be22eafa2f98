"""`/v1/admin/grants`: adds, removes and lists grants."""

from datetime import UTC, datetime

from aiohttp import web

from ambassador_protocol.admin.grants import GrantView, NewGrant, WrittenGrant
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import GRANTS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant
from ambassador_server.errors import InvalidInputError
from ambassador_server.services.administration.grant_approvals import ApprovalSpec
from ambassador_server.services.administration.grants import GrantSpec
from ambassador_server.services.changes.writing import WriteResult, Written
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.policy_views import grant_view
from ambassador_server.web.bodies import extended, json_response
from ambassador_server.web.endpoints import LIST, Endpoint
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import choice, duration, patterns_of, requester


async def add(request: web.Request, body: NewGrant) -> web.Response:
    """Add a grant."""
    written = await request.app[ADMINISTRATION].grants.add(requester(request), grant_spec(body))
    return _render(request, written)


async def put(request: web.Request, body: NewGrant) -> web.Response:
    """Add a grant, unless an equal one exists."""
    written = await request.app[ADMINISTRATION].grants.put(requester(request), grant_spec(body))
    return _render(request, written)


async def remove(request: web.Request) -> web.Response:
    """Remove a grant."""
    await request.app[ADMINISTRATION].grants.remove(requester(request), request.match_info["id"])
    return web.Response(status=204)


async def index(request: web.Request) -> web.Response:
    """List grants, oldest first by default."""
    administration = request.app[ADMINISTRATION]
    grants = await administration.grants.page(listing(request))
    return json_response(page(request, grants, lambda grant: grant_view(grant, administration.names)))


def _render(request: web.Request, written: Written[Grant]) -> web.Response:
    shown = grant_view(written.item, request.app[ADMINISTRATION].names)
    status = 201 if written.result is WriteResult.CREATED else 200
    return json_response(extended(WrittenGrant, shown, warnings=list(written.warnings)), status=status)


def grant_spec(body: NewGrant) -> GrantSpec:
    """Convert the body to a GrantSpec."""
    if body.expires_in_seconds is not None and body.expires_at is not None:
        raise InvalidInputError("expires_at: cannot be combined with expires_in_seconds")
    return GrantSpec(
        group=body.group,
        mcp=body.mcp,
        named=patterns_of(body),
        effect=choice(Effect, body.effect, "effect"),
        delivery=choice(Delivery, body.delivery, "delivery"),
        lifetime=duration(body.expires_in_seconds),
        expires_at=_end(body.expires_at),
        owner=body.owner,
        allow_unmatched=bool(body.allow_unmatched),
        constraints=body.constraints,
        approval=None
        if body.approval is None
        else ApprovalSpec(
            required=body.approval.required,
            approvers=body.approval.approvers,
            valid_seconds=body.approval.valid_seconds,
        ),
    )


def _end(text: str | None) -> datetime | None:
    try:
        at = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("expires_at: must be an ISO-8601 time") from None
    if at is not None and at.tzinfo is None:
        raise InvalidInputError("expires_at: must have a time zone")
    return None if at is None else at.astimezone(UTC)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    manage = Right.MANAGE
    return [
        Endpoint(
            method="GET",
            path=GRANTS,
            right=Right.READ,
            handler=index,
            response_type=Page[GrantView],
            query=LIST,
        ),
        Endpoint(
            method="POST",
            path=GRANTS,
            right=manage,
            handler=add,
            body_type=NewGrant,
            response_type=WrittenGrant,
            statuses=(201,),
        ),
        Endpoint(
            method="PUT",
            path=GRANTS,
            right=manage,
            handler=put,
            body_type=NewGrant,
            response_type=WrittenGrant,
            statuses=(200, 201),
        ),
        Endpoint(method="DELETE", path=f"{GRANTS}/{{id}}", right=manage, handler=remove, statuses=(204,)),
    ]
