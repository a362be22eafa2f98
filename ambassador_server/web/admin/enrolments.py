"""`/v1/admin/enrolments`: issues, cancels and lists enrolments."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol.admin.enrolments import EnrolmentView, IssuedEnrolment, NewEnrolment
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import ENROLMENTS
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import ADMINISTRATION
from ambassador_server.web.admin.people_views import enrolment_view
from ambassador_server.web.admin.users import user_condition
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import duration, requester
from ambassador_server.web.timestamps import timestamp


async def issue(request: web.Request, body: NewEnrolment) -> web.Response:
    """Issue a one-time code for a client key; only this response contains the code."""
    enrolment, code = await request.app[ADMINISTRATION].enrolments.issue(
        requester(request),
        user=body.user,
        name=body.name,
        lifetime=duration(body.expires_in_seconds) or timedelta(),
        key_lifetime=duration(body.key_expires_in_seconds, "key_expires_in_seconds"),
    )
    return json_response(
        IssuedEnrolment(
            id=enrolment.enrolment_id,
            user=body.user,
            name=enrolment.key_name,
            code=code,
            expires_at=timestamp(enrolment.expires_at),
            key_expires_in_seconds=enrolment.key_seconds,
        ),
        status=201,
    )


async def index(request: web.Request) -> web.Response:
    """List unused enrolments without their codes, oldest first by default."""
    administration = request.app[ADMINISTRATION]
    found = await administration.enrolments.page(listing(request, also=await user_condition(request)))
    return json_response(page(request, found, lambda each: enrolment_view(each, administration.names)))


async def cancel(request: web.Request) -> web.Response:
    """Revoke the code of an enrolment."""
    await request.app[ADMINISTRATION].enrolments.cancel(requester(request), request.match_info["id"])
    return web.Response(status=204)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    user_parameter = Parameter(name="user", description="The user whose codes are listed.")
    return [
        Endpoint(
            method="GET",
            path=ENROLMENTS,
            right=Right.READ,
            handler=index,
            response_type=Page[EnrolmentView],
            query=(*LIST, user_parameter),
        ),
        Endpoint(
            method="POST",
            path=ENROLMENTS,
            right=Right.PROVISION,
            handler=issue,
            body_type=NewEnrolment,
            response_type=IssuedEnrolment,
            statuses=(201,),
        ),
        Endpoint(
            method="DELETE",
            path=f"{ENROLMENTS}/{{id}}",
            right=Right.PROVISION,
            handler=cancel,
            statuses=(204,),
        ),
    ]
