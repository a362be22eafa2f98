"""`/v1/admin/login`, `logout`, `password`, `whoami`: the login and the password of an administrator."""

from aiohttp import web

from ambassador_protocol.admin.account import LoggedIn, Login, PasswordChange, Whoami
from ambassador_protocol.paths import ADMIN_SIGN_IN, LOGIN, LOGOUT, OWN_PASSWORD, WHOAMI
from ambassador_protocol.sign_in import LoginIssuers, SignIn
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import ADMINISTRATION, LOGINS, ORGANISATIONS
from ambassador_server.web.admin.people_views import whoami_view
from ambassador_server.web.app_keys import ADMINISTRATOR, ORIGIN
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.requests import requester
from ambassador_server.web.sign_in_views import SIGN_IN_BYTES, login_issuers, presented

_LOGIN_BYTES = 16 * 1024  # small, because callers without a credential send it


async def login(request: web.Request, body: Login) -> web.Response:
    """Open a login with a password; only this response contains its secret."""
    _, secret, administrator = await request.app[LOGINS].open(body.user, body.password, request[ORIGIN])
    return json_response(LoggedIn(who=whoami_view(administrator), admin_key=secret), status=201)


async def sign_in_places(request: web.Request) -> web.Response:
    """Tell where people sign in with the account of their organisation."""
    return json_response(login_issuers(await request.app[ORGANISATIONS].places(request[ORIGIN])))


async def sign_in(request: web.Request, body: SignIn) -> web.Response:
    """Open a login with an ID token; only this response contains its secret."""
    given = presented(body, request[ORIGIN])
    _, secret, administrator = await request.app[LOGINS].open_with_issuer(given)
    return json_response(LoggedIn(who=whoami_view(administrator), admin_key=secret), status=201)


async def logout(request: web.Request) -> web.Response:
    """End the login that the request was made with."""
    await request.app[LOGINS].close(requester(request))
    return web.Response(status=204)


async def change_password(request: web.Request, body: PasswordChange) -> web.Response:
    """Change one's own password; this ends every other login of the user."""
    await request.app[ADMINISTRATION].passwords.change(requester(request), body.current, body.password)
    return web.Response(status=204)


async def whoami(request: web.Request) -> web.Response:
    """Show the administrator who makes the request."""
    return json_response(whoami_view(request[ADMINISTRATOR]))


def endpoints() -> list[Endpoint]:
    """Return the endpoints; only logins need no credential."""
    return [
        Endpoint(
            method="POST",
            path=LOGIN,
            right=None,
            handler=login,
            body_type=Login,
            max_body_bytes=_LOGIN_BYTES,
            response_type=LoggedIn,
            statuses=(201,),
        ),
        Endpoint(
            method="GET",
            path=ADMIN_SIGN_IN,
            right=None,
            handler=sign_in_places,
            response_type=LoginIssuers,
        ),
        Endpoint(
            method="POST",
            path=ADMIN_SIGN_IN,
            right=None,
            handler=sign_in,
            body_type=SignIn,
            max_body_bytes=SIGN_IN_BYTES,
            response_type=LoggedIn,
            statuses=(201,),
        ),
        Endpoint(method="POST", path=LOGOUT, right=Right.READ, handler=logout, statuses=(204,)),
        Endpoint(
            method="PUT",
            path=OWN_PASSWORD,
            right=Right.READ,
            handler=change_password,
            body_type=PasswordChange,
            statuses=(204,),
        ),
        Endpoint(method="GET", path=WHOAMI, right=Right.READ, handler=whoami, response_type=Whoami),
    ]
