"""`/credentials/{mcp}`, `/connect/{ticket}` and `/oauth/…`: what a browser opens to give an MCP what it needs.

Nobody is authenticated here: the one-time ticket and a cookie bind the browser. Own URLs come from the configuration.
"""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from aiohttp import web

from ambassador_protocol.paths import CLIENT_METADATA, CONNECT_PAGE, CREDENTIAL_PAGE, OAUTH_CALLBACK
from ambassador_server.domain.catalog.mcps import check_mcp_name
from ambassador_server.errors import AmbassadorError
from ambassador_server.services.credentials.oauth_flow import VALID_FOR, Consented
from ambassador_server.web.client.app_keys import CREDENTIALS, PUBLIC_URL
from ambassador_server.web.middleware.errors import error_response
from ambassador_server.wording.advice import hint_text

_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_SECURE_PREFIX: Final = "__Host-"
_LONGEST: Final = 16384
_PAGE: Final = (
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width"></head>\n<body><main>\n<h1>{title}</h1>\n{body}\n'
    "</main></body>\n</html>\n"
)

_Route = Callable[[web.Request], Awaitable[web.Response]]


async def show_commands(request: web.Request) -> web.Response:
    """Say how users give what an MCP needs; the same for every name, so that nobody learns which MCPs there are."""
    name = escape(check_mcp_name(request.match_info["mcp"]))
    commands = "".join(
        f"<p>{what}:</p>\n<pre>ambassador-client {command}</pre>\n"
        for what, command in (
            ("See what is missing", "credential list"),
            ("Give a value, such as an API key", f"credential set {name}"),
            ("Grant access with your account there", f"connect {name}"),
        )
    )
    return _page(
        f"Your credential for {name}",
        f"<p>Give it on your own machine, with the command line. No page asks for it.</p>\n{commands}",
    )


async def open_link(request: web.Request) -> web.Response:
    """Bind the link to this browser and send it to the authorization server."""
    opened = await request.app[CREDENTIALS].connecting.open(request.match_info["ticket"])
    response = _redirect(opened.location)
    secure = _is_secure(request)
    response.set_cookie(
        _cookie_name(request, opened.cookie_name),
        opened.cookie,
        max_age=int(VALID_FOR.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=secure,
    )
    return response


async def callback(request: web.Request) -> web.Response:
    """Take the answer of the authorization server; show the completion code, or send it to the user's machine."""
    if len(request.query_string) > _LONGEST or any(
        len(request.query.getall(name)) > 1 for name in request.query
    ):
        return _page("Not connected", "<p>The answer of the authorization server is not valid.</p>", 400)
    prefix = _SECURE_PREFIX if _is_secure(request) else ""
    cookies = {
        name.removeprefix(prefix): value for name, value in request.cookies.items() if name.startswith(prefix)
    }
    done = await request.app[CREDENTIALS].connecting.callback(dict(request.query), cookies)
    response = _consented(done)
    response.del_cookie(
        _cookie_name(request, done.cookie_name), path="/", secure=_is_secure(request), httponly=True
    )
    return response


async def client_metadata(request: web.Request) -> web.Response:
    """Return the document that describes this server as a client to authorization servers."""
    document = request.app[CREDENTIALS].connecting.document()
    return web.Response(body=document, content_type="application/json")


def _consented(done: Consented) -> web.Response:
    if done.return_port is not None:
        # The port is a number that the user gave; the machine is always that of the browser.
        return _redirect(f"http://127.0.0.1:{done.return_port}/?code={done.code}")
    return _page(
        "One step is left",
        f"<p>You have granted access for <b>{escape(done.mcp_name)}</b>. To finish, enter this code where you "
        f"began to connect:</p>\n<p><b><code>{escape(done.code)}</code></b></p>\n"
        "<p>Did you not begin yourself, but were sent a link? Then give this code to nobody and close this page: "
        "without it the access ends in a few minutes.</p>",
    )


def _readable(route: _Route) -> _Route:
    """Show errors as pages, because a person reads them."""

    async def shown(request: web.Request) -> web.Response:
        try:
            return await route(request)
        except AmbassadorError as error:
            hint = hint_text(error)
            more = f"\n<p>{escape(hint)}</p>" if hint else ""
            status = error_response(request, error).status
            return _page("Not connected", f"<p>{escape(error.message)}</p>{more}", status)

    return shown


def _redirect(location: str) -> web.Response:
    return _guarded(web.Response(status=302, headers={"Location": location}))


def _page(title: str, body: str, status: int = 200) -> web.Response:
    text = _PAGE.format(title=escape(title), body=body)
    return _guarded(web.Response(status=status, text=text, content_type="text/html", charset="utf-8"))


def _guarded(response: web.Response) -> web.Response:
    """Forbid scripts, frames and forms, and tell no other site where the browser comes from."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _is_secure(request: web.Request) -> bool:
    return request.app[PUBLIC_URL].startswith("https://")


def _cookie_name(request: web.Request, name: str) -> str:
    return f"{_SECURE_PREFIX}{name}" if _is_secure(request) else name


def routes() -> list[web.RouteDef]:
    """Return the routes for browsers; a link is not opened by a HEAD request, which programs send to look at it."""
    return [
        web.get(f"{CREDENTIAL_PAGE}/{{mcp}}", _readable(show_commands)),
        web.get(f"{CONNECT_PAGE}/{{ticket}}", _readable(open_link), allow_head=False),
        web.get(OAUTH_CALLBACK, _readable(callback), allow_head=False),
        web.get(CLIENT_METADATA, _readable(client_metadata), allow_head=False),
    ]
