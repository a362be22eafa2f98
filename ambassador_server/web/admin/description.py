"""`/v1/openapi.json`: the admin API as it describes itself."""

import asyncio

from aiohttp import web

from ambassador_protocol.paths import OPENAPI
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import DESCRIPTION
from ambassador_server.web.endpoints import Endpoint


async def openapi(request: web.Request) -> web.Response:
    """Describe the admin API in OpenAPI 3.1: this document."""
    # Built for the first request, in a thread, so that calls go on meanwhile.
    text = await asyncio.to_thread(request.app[DESCRIPTION])
    return web.Response(body=text, content_type="application/json")


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    return [Endpoint(method="GET", path=OPENAPI, right=Right.READ, handler=openapi, gives=dict)]
