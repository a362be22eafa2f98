"""An endpoint of the admin API as a value, from which its route, its access check and its description are made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ambassador_protocol.admin.dry_run import DryRun, PlannedChange
from ambassador_server.domain.audit.dry_run import DryRunDone
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import InvalidInputError
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import DEFAULT_PAGE, DRY_RUN, MAX_PAGE, check_parameters, flag, number

Handler = Callable[..., Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter; `kind` is its JSON type. A parameter of kind `array` is repeated once for each item."""

    name: str
    description: str
    kind: str = "string"
    required: bool = False

    def check(self, request: web.Request) -> None:
        """Raise InvalidInputError if the query has an invalid value of this parameter, or lacks a required one."""
        if self.required and not request.query.get(self.name):
            raise InvalidInputError(f"{self.name}: this query parameter is required")
        if self.kind != "array" and len(request.query.getall(self.name, ())) > 1:
            raise InvalidInputError(f"{self.name}: may be given only once")
        if self.kind == "integer":
            number(request, self.name, 0)
        if self.kind == "boolean":
            flag(request, self.name, default=False)


LIMIT = Parameter(
    name="limit",
    description=f"The number of items, at most {MAX_PAGE}. Default: {DEFAULT_PAGE}.",
    kind="integer",
)
CURSOR = Parameter(name="cursor", description="The `next_cursor` of the previous page.")
LIST = (
    LIMIT,
    CURSOR,
    Parameter(name="sort", description="The member to sort by; a leading `-` sorts in descending order."),
    Parameter(
        name="filter",
        description="`FIELD=VALUE` or `FIELD~GLOB`; items must match all of them.",
        kind="array",
    ),
)
"""The query parameters of every list."""
DRY_RUN_PARAMETER = Parameter(
    name=DRY_RUN,
    description="`true` checks the request and tells what it would change; nothing is changed.",
    kind="boolean",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint; `handler` gets the request, and the parsed body if there is a `body_type`.

    A request without a body stands for one without members if `body_is_optional`.

    Without a `right` no credential is needed. `response_type` is the wire body of the response, the media type of a
    response that is not JSON, or None for an empty one. `statuses` are those of successful responses. `query` lists
    the permitted query parameters; a change also has `dry_run`, unless `has_dry_run` is false. `accepts_if_match` means
    that the handler checks `If-Match`.
    """

    method: str
    path: str
    right: Right | None
    handler: Handler
    body_type: type[Any] | None = None
    body_is_optional: bool = False
    max_body_bytes: int | None = None
    response_type: type[Any] | str | None = None
    statuses: tuple[int, ...] = (200,)
    query: tuple[Parameter, ...] = ()
    accepts_if_match: bool = False
    has_dry_run: bool = True

    @property
    def is_tried(self) -> bool:
        """Tell whether the request can be made as a dry run: it is a change by an administrator."""
        return self.has_dry_run and self.right is not None and self.method != "GET"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return all permitted query parameters."""
        return (*self.query, DRY_RUN_PARAMETER) if self.is_tried else self.query

    def route(self) -> web.RouteDef:
        """Return the aiohttp route; it checks the right before it reads the query or the body."""
        guarded = self._answer if self.right is None else administered(self.right, self._answer)
        return web.route(self.method, self.path, guarded)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        check_parameters(request, [parameter.name for parameter in self.parameters])
        for parameter in self.parameters:
            parameter.check(request)
        try:
            if self.body_type is None:
                return await self.handler(request)
            if self.body_is_optional and not request.can_read_body:
                return await self.handler(request, self.body_type())
            body = await read_strict(request, self.body_type, limit=self.max_body_bytes)
            return await self.handler(request, body)
        except DryRunDone as done:
            return json_response(_dry_run(done))


def _dry_run(done: DryRunDone) -> DryRun:
    changes = [
        PlannedChange(action=action, kind=resource.kind, name=resource.name)
        for action, resource in done.changes
    ]
    return DryRun(changes=changes, warnings=list(done.warnings))
