"""One endpoint of the admin API as a value: what is routed, guarded, described and tested comes from it alone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import read_strict
from ambassador_server.web.middleware.authenticate import administered

Handler = Callable[..., Awaitable[web.StreamResponse]]

TEXT = "string"
NUMBER = "integer"
LIST_QUERY: Mapping[str, str] = {"limit": NUMBER, "cursor": TEXT, "sort": TEXT, "filter": "array"}
"""What every list understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`handler` gets the request, and the body where the endpoint `takes` one.

    `gives` is the wire body of the answer, None for an empty one; where it `lists`, the body of each item of a page.
    `query` names the query parameters and their JSON types. `is_guarded` means that `If-Match` is heeded.
    """

    method: str
    path: str
    right: Right
    handler: Handler
    takes: type[Any] | None = None
    gives: type[Any] | None = None
    lists: bool = False
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    is_guarded: bool = False

    def route(self) -> web.RouteDef:
        """Return what aiohttp routes: nothing gets past the guard, not even a look at the body."""
        return web.route(self.method, self.path, administered(self.right, self._read))

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if self.takes is None:
            return await self.handler(request)
        return await self.handler(request, await read_strict(request, self.takes))
