"""`/v1/openapi.json`: serves the OpenAPI document of the admin API."""

import asyncio

from aiohttp import web

from ambassador_protocol.paths import OPENAPI
from ambassador_server.domain.people.administrators import Right
from ambassador_server.web.admin.app_keys import DESCRIPTION
from ambassador_server.web.endpoints import Endpoint


async def openapi(request: web.Request) -> web.Response:
    """Return this OpenAPI 3.1 document of the admin API."""
    # In a thread, because the first request generates the document, which takes long and must not delay calls.
    text = await asyncio.to_thread(request.app[DESCRIPTION])
    return web.Response(body=text, content_type="application/json")


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [Endpoint(method="GET", path=OPENAPI, right=Right.READ, handler=openapi, response_type=dict)]
