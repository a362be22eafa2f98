"""`/oauth/hosts/{issuer}/authorize` and `/callback`: what the browser of a person shows who logs in for a host."""

import re
from html import escape
from typing import Final

from aiohttp import web

from ambassador_protocol.paths import HOST_LOGIN
from ambassador_server.domain.people.host_requests import is_own_machine, redirect_target
from ambassador_server.errors import InvalidInputError, TokenRequestError
from ambassador_server.services.sign_in.host_login import Consent
from ambassador_server.services.sign_in.host_seals import VALID_FOR
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.client.app_keys import SIGN_IN
from ambassador_server.web.client.oauth_bodies import read_form
from ambassador_server.web.client.pages import (
    Route,
    cookies,
    form_page,
    has_clear_query,
    onward_page,
    readable,
    redirect,
    set_cookie,
)

_COOKIE: Final = "ambassador-host-login"
_WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{43}")


async def ask(request: web.Request) -> web.Response:
    """Ask the person in the browser which application gets access; nothing of a host is passed on before that."""
    _check_query(request)
    begun = await request.app[SIGN_IN].hosts.begin(
        request.match_info["name"], dict(request.query), _cookie(request), request[ORIGIN]
    )
    if isinstance(begun, str):
        return redirect(begun)
    return _with_cookie(request, _question(begun), begun.cookie)


async def decide(request: web.Request) -> web.Response:
    """Send the browser of a person who has decided to the provider, or back."""
    try:
        form = await read_form(request)
    except TokenRequestError as error:
        raise InvalidInputError(error.message) from None
    cookie = _cookie(request)
    location = await request.app[SIGN_IN].hosts.decide(
        request.match_info["name"],
        form.get("request", ""),
        cookie,
        request[ORIGIN],
        allows=form.get("decision") == "allow",
    )
    # The cookie has to live as long as the state that the provider gets now.
    return _with_cookie(request, onward_page(location), cookie or "")


async def callback(request: web.Request) -> web.Response:
    """Send a browser that comes back from the provider to the host."""
    _check_query(request)
    location = await request.app[SIGN_IN].hosts.callback(
        request.match_info["name"], dict(request.query), _cookie(request), request[ORIGIN]
    )
    return redirect(location)


def _question(consent: Consent) -> web.Response:
    target = escape(redirect_target(consent.redirect_uri))
    where = "an application on this machine" if is_own_machine(consent.redirect_uri) else "an application"
    scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in consent.scopes)
    listed = f"\n<p>It asks for:</p>\n<ul>{scopes}</ul>" if scopes else ""
    return form_page(
        "Give an application access?",
        f"<p>You will log in at <b>{escape(consent.issuer)}</b>. Then {where} may use the tools of this server in "
        f"your name; it is at</p>\n<p><b><code>{target}</code></b></p>{listed}\n"
        '<form method="post" action="authorize">'
        f'<input type="hidden" name="request" value="{escape(consent.sealed)}">'
        '<button name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny">Refuse</button></form>\n'
        "<p>Did you not begin this yourself, in that application just now? Then refuse.</p>",
    )


def _check_query(request: web.Request) -> None:
    if not has_clear_query(request):
        raise InvalidInputError("The request is too long, or has a parameter twice")


def _with_cookie(request: web.Request, response: web.Response, value: str) -> web.Response:
    set_cookie(request, response, _COOKIE, value, int(VALID_FOR.total_seconds()))
    return response


def _cookie(request: web.Request) -> str | None:
    value = cookies(request).get(_COOKIE, "")
    return value if _WELL_FORMED.fullmatch(value) else None


def _readable(route: Route) -> Route:
    return readable("Not logged in", route)


def routes() -> list[web.RouteDef]:
    """Return the routes for browsers."""
    one = f"{HOST_LOGIN}/{{name}}"
    return [
        web.get(f"{one}/authorize", _readable(ask), allow_head=False),
        web.post(f"{one}/authorize", _readable(decide)),
        web.get(f"{one}/callback", _readable(callback), allow_head=False),
    ]
