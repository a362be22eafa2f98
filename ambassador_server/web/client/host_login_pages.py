"""`/oauth/hosts/{issuer}/authorize` and `/callback`: what the browser of a person shows who logs in for a host."""

from html import escape
from typing import Final

from aiohttp import web

from ambassador_protocol.paths import HOST_LOGIN
from ambassador_server.domain.people.host_requests import is_own_machine, redirect_target
from ambassador_server.errors import InvalidInputError, TokenRequestError
from ambassador_server.services.sign_in.host_login import Consent
from ambassador_server.services.sign_in.host_seals import VALID_FOR
from ambassador_server.web.app_keys import ORIGIN
from ambassador_server.web.client.app_keys import PUBLIC_URL, SIGN_IN
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

_FROM_ELSEWHERE: Final = (
    "\n<p><b>Another site has sent you to this page.</b> Go on only if you know why: a site that you connected an "
    "application to can try to get access to this server as well.</p>"
)


async def ask(request: web.Request) -> web.Response:
    """Ask the person in the browser which application gets access; nothing of a host is passed on before that."""
    _check_query(request)
    begun = await request.app[SIGN_IN].hosts.begin(
        request.match_info["name"], dict(request.query), cookies(request), request[ORIGIN]
    )
    if isinstance(begun, str):
        return redirect(begun)
    return _with_cookie(request, _question(request, begun), *begun.cookie)


async def decide(request: web.Request) -> web.Response:
    """Send the browser of a person who has decided to the provider, or back."""
    try:
        form = await read_form(request)
    except TokenRequestError as error:
        raise InvalidInputError(error.message) from None
    sent = cookies(request)
    location, cookie = await request.app[SIGN_IN].hosts.decide(
        request.match_info["name"],
        form.get("request", ""),
        sent,
        request[ORIGIN],
        allows=form.get("decision") == "allow",
    )
    return _with_cookie(request, onward_page(location), cookie, sent[cookie])


async def callback(request: web.Request) -> web.Response:
    """Send a browser that comes back from the provider to the host."""
    _check_query(request)
    location = await request.app[SIGN_IN].hosts.callback(
        request.match_info["name"], dict(request.query), cookies(request), request[ORIGIN]
    )
    return redirect(location)


def _question(request: web.Request, consent: Consent) -> web.Response:
    """Ask; browsers say when a page of another site, and not an application, has led here."""
    target = escape(redirect_target(consent.redirect_uri))
    where = "An application on this machine" if is_own_machine(consent.redirect_uri) else "An application"
    scopes = "".join(f"<li><code>{escape(scope)}</code></li>" for scope in consent.scopes)
    listed = f"\n<p>It asks for:</p>\n<ul>{scopes}</ul>" if scopes else ""
    elsewhere = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return form_page(
        "Give an application access?",
        f"<p>{where} wants to use the tools of <b>{escape(request.app[PUBLIC_URL])}</b> in your name. It is at</p>\n"
        f"<p><b><code>{target}</code></b></p>{listed}\n"
        f"<p>If you allow it, you log in at <b>{escape(consent.issuer)}</b>.</p>"
        f"{_FROM_ELSEWHERE if elsewhere else ''}\n"
        '<form method="post" action="authorize">'
        f'<input type="hidden" name="request" value="{escape(consent.sealed)}">'
        '<button name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny">Refuse</button></form>\n'
        "<p>Did you not connect that application to this server just now? Then refuse.</p>",
    )


def _check_query(request: web.Request) -> None:
    if not has_clear_query(request):
        raise InvalidInputError("The request is too long, or has a parameter twice")


def _with_cookie(request: web.Request, response: web.Response, name: str, value: str) -> web.Response:
    set_cookie(request, response, name, value, int(VALID_FOR.total_seconds()))
    return response


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
