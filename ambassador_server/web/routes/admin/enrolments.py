"""`/v1/admin/enrolments`: parse, call the service, render."""

from datetime import timedelta

from aiohttp import web

from ambassador_protocol.admin.enrolments import IssuedEnrolment, NewEnrolment
from ambassador_protocol.paths import ENROLMENTS
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.requests import duration, requester
from ambassador_server.web.views import timestamp


async def issue(request: web.Request, body: NewEnrolment) -> web.Response:
    """Hand out a one-time code for a client key; the code is in this answer and nowhere else."""
    enrolment, code = await request.app[SERVICES].enrolments.issue(
        requester(request),
        user=body.user,
        name=body.name,
        lasts=duration(body.expires_in_seconds) or timedelta(),
        key_lasts=duration(body.key_expires_in_seconds, "key_expires_in_seconds"),
    )
    return json_response(
        IssuedEnrolment(
            user=body.user,
            name=enrolment.key_name,
            code=code,
            expires_at=timestamp(enrolment.expires_at),
            key_expires_in_seconds=enrolment.key_seconds,
        ),
        status=201,
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    return [
        Endpoint(
            method="POST",
            path=ENROLMENTS,
            right=Right.PROVISION,
            handler=issue,
            takes=NewEnrolment,
            gives=IssuedEnrolment,
            statuses=(201,),
        )
    ]
