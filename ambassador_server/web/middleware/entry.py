"""What every request passes first: its id, the check of its hosts, and the conversion of errors.

One middleware instead of one for each step: the steps wait for nothing, and each middleware costs every call.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from ambassador_server.web.middleware.errors import error_response
from ambassador_server.web.middleware.gateway import has_ignored_headers, tell_ignored_headers
from ambassador_server.web.middleware.hosts import check_hosts
from ambassador_server.web.middleware.origin import set_origin


@web.middleware
async def entry_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serve a request that is for this server; every error becomes a response."""
    running = set_origin(request)
    try:
        check_hosts(request)
        if has_ignored_headers(request):
            await tell_ignored_headers(request)
        return await handler(request)
    except Exception as error:  # the outermost handler: internal details must not reach a client
        return error_response(request, error)
    finally:
        running.end()
