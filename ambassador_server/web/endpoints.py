"""One endpoint of the admin API as a value: what is routed, guarded, described and tested comes from it alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.bodies import read_strict
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import DEFAULT_PAGE, MAX_PAGE, check_parameters, flag, number

Handler = Callable[..., Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter; `kind` is its JSON type, and an `array` is named once for each of its texts."""

    name: str
    says: str
    kind: str = "string"
    required: bool = False

    def check(self, request: web.Request) -> None:
        """Raise InvalidInputError where the query does not have it as it must be."""
        if self.required and not request.query.get(self.name):
            raise InvalidInputError(f"{self.name}: this query parameter is required")
        if self.kind != "array" and len(request.query.getall(self.name, ())) > 1:
            raise InvalidInputError(f"{self.name}: may be named once only")
        if self.kind == "integer":
            number(request, self.name, 0)
        if self.kind == "boolean":
            flag(request, self.name, default=False)


LIMIT = Parameter(
    name="limit", says=f"How many items: at most {MAX_PAGE}, else {DEFAULT_PAGE}.", kind="integer"
)
CURSOR = Parameter(name="cursor", says="The `next_cursor` of the page before.")
LIST = (
    LIMIT,
    CURSOR,
    Parameter(name="sort", says="The member to sort by; with `-` before it from the end."),
    Parameter(name="filter", says="`FIELD=VALUE`, or `FIELD~GLOB`; all of them must hold.", kind="array"),
)
"""What every list understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`handler` gets the request, and the body where the endpoint `takes` one, of `body_bytes` at most.

    Without a `right` it is open to anybody. `gives` is the wire body of the answer, the media type of one that is not
    JSON, or None for an empty one; `statuses` are those of an answer that is no refusal. `query` is all the query may
    name. `is_conditional` means that `If-Match` is heeded.
    """

    method: str
    path: str
    right: Right | None
    handler: Handler
    takes: type[Any] | None = None
    body_bytes: int | None = None
    gives: type[Any] | str | None = None
    statuses: tuple[int, ...] = (200,)
    query: tuple[Parameter, ...] = ()
    is_conditional: bool = False

    def route(self) -> web.RouteDef:
        """Return what aiohttp routes: nothing gets past the guard, not even a look at the query or the body."""
        guarded = self._answer if self.right is None else administered(self.right, self._answer)
        return web.route(self.method, self.path, guarded)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        check_parameters(request, [parameter.name for parameter in self.query])
        for parameter in self.query:
            parameter.check(request)
        if self.takes is None:
            return await self.handler(request)
        return await self.handler(request, await read_strict(request, self.takes, limit=self.body_bytes))
