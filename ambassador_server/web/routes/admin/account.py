"""`/v1/admin/login`, `logout`, `password`, `whoami`: administrators about themselves."""

from aiohttp import web

from ambassador_protocol.admin.account import LoggedIn, Login, PasswordChange
from ambassador_protocol.paths import LOGIN, LOGOUT, OWN_PASSWORD, WHOAMI
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import ADMINISTRATOR, ORIGIN, SERVICES
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import requester
from ambassador_server.web.views import whoami_view

_LOGIN_BYTES = 16 * 1024  # of whoever comes along


async def login(request: web.Request) -> web.Response:
    """Open a login with a password; its secret is in this answer and nowhere else."""
    body = await read_strict(request, Login, limit=_LOGIN_BYTES)
    _, secret, administrator = await request.app[SERVICES].logins.open(
        body.user, body.password, request[ORIGIN]
    )
    return json_response(LoggedIn(who=whoami_view(administrator), admin_key=secret), status=201)


async def logout(request: web.Request) -> web.Response:
    """End the login that the request was made with."""
    await request.app[SERVICES].logins.close(requester(request))
    return web.Response(status=204)


async def change_password(request: web.Request) -> web.Response:
    """Change one's own password; it ends every other login."""
    body = await read_strict(request, PasswordChange)
    await request.app[SERVICES].passwords.change(requester(request), body.current, body.password)
    return web.Response(status=204)


async def whoami(request: web.Request) -> web.Response:
    """Show the administrator."""
    return json_response(whoami_view(request[ADMINISTRATOR]))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API; only the login is open to anybody."""
    return [
        web.post(LOGIN, login),
        web.post(LOGOUT, administered(Right.READ, logout)),
        web.put(OWN_PASSWORD, administered(Right.READ, change_password)),
        web.get(WHOAMI, administered(Right.READ, whoami)),
    ]
