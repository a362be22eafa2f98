"""Pages for people in a browser: no scripts, no frames, nothing from elsewhere; errors are pages as well."""

from collections.abc import Awaitable, Callable
from html import escape
from typing import Final

from aiohttp import web

from ambassador_server.errors import AmbassadorError
from ambassador_server.web.client.app_keys import PUBLIC_URL
from ambassador_server.web.middleware.errors import error_response
from ambassador_server.wording.advice import hint_text

LONGEST_QUERY: Final = 16384
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
_SECURE_PREFIX: Final = "__Host-"
_PAGE: Final = (
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width">{head}</head>\n<body><main>\n<h1>{title}</h1>\n{body}\n'
    "</main></body>\n</html>\n"
)

Route = Callable[[web.Request], Awaitable[web.Response]]


def page(title: str, body: str, status: int = 200) -> web.Response:
    """Return a page; `body` is HTML."""
    return _guarded(_rendered(title, body, status))


def form_page(title: str, body: str) -> web.Response:
    """Return a page whose form is sent to this server.

    The browser has to tell that it is a page of this server, or the form would be taken for one of another site.
    """
    response = _guarded(_rendered(title, body, 200), forms="'self'")
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def onward_page(location: str) -> web.Response:
    """Return the answer to a form that sends the browser on: as a redirect, it would be bound to the form's policy."""
    target = escape(location)
    body = f'<p><a href="{target}" rel="noreferrer">Go on</a>, if nothing happens.</p>'
    head = f'<meta http-equiv="refresh" content="0;url={target}">'
    return _guarded(_rendered("One moment", body, 200, head))


def redirect(location: str) -> web.Response:
    """Send the browser to another page."""
    return _guarded(web.Response(status=302, headers={"Location": location}))


def readable(title: str, route: Route) -> Route:
    """Show errors as pages with this title, because a person reads them."""

    async def shown(request: web.Request) -> web.Response:
        try:
            return await route(request)
        except AmbassadorError as error:
            hint = hint_text(error)
            more = f"\n<p>{escape(hint)}</p>" if hint else ""
            answer = error_response(request, error)
            response = page(title, f"<p>{escape(error.message)}</p>{more}", answer.status)
            if "Retry-After" in answer.headers:
                response.headers["Retry-After"] = answer.headers["Retry-After"]
            return response

    return shown


def has_clear_query(request: web.Request) -> bool:
    """Tell whether the query is short, and has no parameter twice."""
    return len(request.query_string) <= LONGEST_QUERY and all(
        len(request.query.getall(name)) == 1 for name in request.query
    )


def set_cookie(request: web.Request, response: web.Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that no script reads, and that another site sends only by a link to a page here."""
    response.set_cookie(
        _cookie_name(request, name),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=_is_secure(request),
    )


def delete_cookie(request: web.Request, response: web.Response, name: str) -> None:
    """Take a cookie away."""
    response.del_cookie(_cookie_name(request, name), path="/", secure=_is_secure(request), httponly=True)


def cookies(request: web.Request) -> dict[str, str]:
    """Return the cookies that this server has set; with TLS none that another host can set."""
    prefix = _SECURE_PREFIX if _is_secure(request) else ""
    return {
        name.removeprefix(prefix): value for name, value in request.cookies.items() if name.startswith(prefix)
    }


def _rendered(title: str, body: str, status: int, head: str = "") -> web.Response:
    text = _PAGE.format(title=escape(title), body=body, head=head)
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")


def _guarded(response: web.Response, forms: str = "'none'") -> web.Response:
    """Forbid scripts, frames and forms elsewhere, and tell no other site where the browser comes from."""
    response.headers["Content-Security-Policy"] = _POLICY.format(forms=forms)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _is_secure(request: web.Request) -> bool:
    return request.app[PUBLIC_URL].startswith("https://")


def _cookie_name(request: web.Request, name: str) -> str:
    return f"{_SECURE_PREFIX}{name}" if _is_secure(request) else name
