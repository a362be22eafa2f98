"""`/v1/admin/audit`, as far as it is about the log itself: parse, call, render."""

from aiohttp import web

from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import AUDIT_KEYS, AUDIT_VERIFICATION
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import check_parameters, moment


async def verify(request: web.Request) -> web.Response:
    """Follow the chain of every writer, or the part of it that `from` and `to` name, and say what is broken."""
    check_parameters(request, {"from", "to", "limit", "cursor"})
    archive = request.app[SERVICES].audit_archive
    found = await archive.verify(since=moment(request, "from"), until=moment(request, "to"))
    return json_response(Page(items=list(found), next_cursor=None))


async def keys(request: web.Request) -> web.Response:
    """List the public keys that checkpoints are signed with; the one that signs now is first."""
    check_parameters(request, {"limit", "cursor"})
    return json_response(Page(items=list(request.app[SERVICES].audit_archive.keys()), next_cursor=None))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(AUDIT_VERIFICATION, administered(Right.AUDIT_READ, verify)),
        web.get(AUDIT_KEYS, administered(Right.AUDIT_READ, keys)),
    ]
