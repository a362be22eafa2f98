"""`/credentials/{mcp}`, `/connect/{ticket}` and `/oauth/…`: what a browser opens to give an MCP what it needs.

Nobody is authenticated here: the one-time ticket and a cookie bind the browser. Own URLs come from the configuration.
"""

from html import escape

from aiohttp import web

from ambassador_protocol.paths import CLIENT_METADATA, CONNECT_PAGE, CREDENTIAL_PAGE, OAUTH_CALLBACK
from ambassador_server.domain.catalog.mcps import check_mcp_name
from ambassador_server.services.credentials.oauth_flow import VALID_FOR, Consented
from ambassador_server.web.client.app_keys import CREDENTIALS
from ambassador_server.web.client.pages import (
    Route,
    cookies,
    delete_cookie,
    has_clear_query,
    page,
    readable,
    redirect,
    set_cookie,
)

_NOT_CONNECTED = "Not connected"


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
    return page(
        f"Your credential for {name}",
        f"<p>Give it on your own machine, with the command line. No page asks for it.</p>\n{commands}",
    )


async def open_link(request: web.Request) -> web.Response:
    """Bind the link to this browser and send it to the authorization server."""
    opened = await request.app[CREDENTIALS].connecting.open(request.match_info["ticket"])
    response = redirect(opened.location)
    set_cookie(request, response, opened.cookie_name, opened.cookie, int(VALID_FOR.total_seconds()))
    return response


async def callback(request: web.Request) -> web.Response:
    """Take the answer of the authorization server; show the completion code, or send it to the user's machine."""
    if not has_clear_query(request):
        return page(_NOT_CONNECTED, "<p>The answer of the authorization server is not valid.</p>", 400)
    done = await request.app[CREDENTIALS].connecting.callback(dict(request.query), cookies(request))
    response = _consented(done)
    delete_cookie(request, response, done.cookie_name)
    return response


async def client_metadata(request: web.Request) -> web.Response:
    """Return the document that describes this server as a client to authorization servers."""
    document = request.app[CREDENTIALS].connecting.document()
    return web.Response(body=document, content_type="application/json")


def _consented(done: Consented) -> web.Response:
    if done.return_port is not None:
        # The port is a number that the user gave; the machine is always that of the browser.
        return redirect(f"http://127.0.0.1:{done.return_port}/?code={done.code}")
    return page(
        "One step is left",
        f"<p>You have granted access for <b>{escape(done.mcp_name)}</b>. To finish, enter this code where you "
        f"began to connect:</p>\n<p><b><code>{escape(done.code)}</code></b></p>\n"
        "<p>Did you not begin yourself, but were sent a link? Then give this code to nobody and close this page: "
        "without it the access ends in a few minutes.</p>",
    )


def _readable(route: Route) -> Route:
    return readable(_NOT_CONNECTED, route)


def routes() -> list[web.RouteDef]:
    """Return the routes for browsers; a link is not opened by a HEAD request, which programs send to look at it."""
    return [
        web.get(f"{CREDENTIAL_PAGE}/{{mcp}}", _readable(show_commands)),
        web.get(f"{CONNECT_PAGE}/{{ticket}}", _readable(open_link), allow_head=False),
        web.get(OAUTH_CALLBACK, _readable(callback), allow_head=False),
        web.get(CLIENT_METADATA, _readable(client_metadata), allow_head=False),
    ]
