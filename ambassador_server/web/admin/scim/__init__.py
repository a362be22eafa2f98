"""SCIM 2.0 for identity providers; the library `scim2-server` knows the protocol, and this room its storage.

The libraries take a third of the time in which a server starts, so that the first request loads them.
"""

import asyncio
import importlib

from aiohttp import web

from ambassador_protocol.paths import SCIM


def routes() -> list[web.RouteDef]:
    """Return the routes; the library knows the paths below, and which methods they have."""
    return [
        web.route(method, f"{SCIM}/{{path:.*}}", _answer)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ]


async def _answer(request: web.Request) -> web.Response:
    endpoint = await asyncio.to_thread(importlib.import_module, f"{__name__}.endpoint")
    answered: web.Response = await endpoint.answer(request)
    return answered
