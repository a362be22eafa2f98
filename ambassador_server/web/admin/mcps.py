"""`/v1/admin/mcps`: changes and lists the MCPs of the catalog, and operates their downstreams."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from ambassador_protocol.admin.mcps import (
    DefinitionApproval,
    DefinitionView,
    McpPut,
    McpView,
    NewMcp,
    OneTimeValues,
    OutputView,
    PromptView,
    ResourceView,
    ToolView,
)
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import MCPS
from ambassador_server.domain.catalog.mcps import (
    ArgumentPolicy,
    Broadcast,
    Isolation,
    Mcp,
    Pin,
    Sessions,
)
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.shared.revision import revision
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.services.registry.mcp_reports import McpReport
from ambassador_server.services.registry.mcp_spec import McpSpec, masked
from ambassador_server.web.admin.app_keys import ADMINISTRATION, REGISTRY
from ambassador_server.web.admin.catalog_views import (
    definition_view,
    mcp_view,
    output_view,
    prompt_view,
    resource_view,
    tool_view,
)
from ambassador_server.web.admin.credential_needs import credential_needs
from ambassador_server.web.admin.tool_transforms import tool_transforms
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Handler, Parameter
from ambassador_server.web.listing import listing, page
from ambassador_server.web.requests import (
    DEFAULT_PAGE,
    expected,
    flag,
    number,
    optional_choice,
    requester,
)


async def add(request: web.Request, body: NewMcp) -> web.Response:
    """Add a draft entry."""
    mcp = await request.app[REGISTRY].mcps.add(requester(request), body.name, mcp_spec(body))
    return _render(request, mcp, status=201)


async def put(request: web.Request, body: McpPut) -> web.Response:
    """Add a draft entry, or change the fields that are in the body."""
    spec, name = mcp_spec(body), request.match_info["name"]
    written = await request.app[REGISTRY].mcps.put(
        requester(request),
        name,
        spec,
        expected=expected(request),
        test=_wants_test(request),
        values=body.one_time_values or {},
    )
    status = 201 if written.result is WriteResult.CREATED else 200
    return _render(request, written.item, status, written.warnings)


async def change(request: web.Request, body: McpPut) -> web.Response:
    """Change the fields that are in the body."""
    spec, name = mcp_spec(body), request.match_info["name"]
    written = await request.app[REGISTRY].mcps.update(
        requester(request),
        name,
        spec,
        expected=expected(request),
        test=_wants_test(request),
        values=body.one_time_values or {},
    )
    return _render(request, written.item, warnings=written.warnings)


async def publish(request: web.Request, body: OneTimeValues) -> web.Response:
    """Publish an entry.

    Its connection is tested first; if only users have the credentials that it needs, it is published untested.
    """
    name, mcps = request.match_info["name"], request.app[REGISTRY].mcps
    return _render(request, await mcps.publish(requester(request), name, body.one_time_values))


async def approve(request: web.Request, body: DefinitionApproval) -> web.Response:
    """Approve definitions of tools that are new, changed or gone."""
    name, approvals = request.match_info["name"], request.app[REGISTRY].approvals
    return _render(request, await approvals.approve(requester(request), name, body.tools))


async def definitions(request: web.Request) -> web.Response:
    """List the tools that wait for an approval, with the approved and the offered definition of each."""
    found = await request.app[REGISTRY].reports.definitions(request.match_info["name"])
    views = [definition_view(each) for each in found]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def archive(request: web.Request) -> web.Response:
    """Take an entry out of service."""
    name = request.match_info["name"]
    return _render(request, await request.app[REGISTRY].mcps.archive(requester(request), name))


async def restart(request: web.Request) -> web.Response:
    """Stop all connections of an entry and connect again."""
    name = request.match_info["name"]
    return _render(request, await request.app[REGISTRY].mcps.restart(requester(request), name))


async def logs(request: web.Request) -> web.Response:
    """Show the last lines of output of an entry's downstream."""
    names, lines = request.app[ADMINISTRATION].names, max(1, number(request, "lines", DEFAULT_PAGE))
    output = await request.app[REGISTRY].reports.output(request.match_info["name"], lines)
    views = [output_view(line, names) for line in output]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def remove(request: web.Request) -> web.Response:
    """Delete an entry that is not published."""
    name = request.match_info["name"]
    await request.app[REGISTRY].mcps.remove(requester(request), name, expected=expected(request))
    return web.Response(status=204)


async def test(request: web.Request, body: OneTimeValues) -> web.Response:
    """Connect to an entry and list the tools that it offers, without changing anything."""
    name = request.match_info["name"]
    mcp, found = await request.app[REGISTRY].mcps.test(requester(request), name, body.one_time_values)
    views = [tool_view(each) for each in await request.app[REGISTRY].reports.offered(mcp, found)]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def show(request: web.Request) -> web.Response:
    """Show one entry."""
    report = await request.app[REGISTRY].reports.get(request.match_info["name"])
    return _render_report(report)


async def index(request: web.Request) -> web.Response:
    """List entries, sorted by name by default."""
    reports = await request.app[REGISTRY].reports.page(listing(request))
    return json_response(page(request, reports, mcp_view))


async def tools(request: web.Request) -> web.Response:
    """List the tools of a published entry."""
    entries = await request.app[REGISTRY].reports.tools(request.match_info["name"], listing(request))
    return json_response(page(request, entries, tool_view))


async def resources(request: web.Request) -> web.Response:
    """List the resources of a published entry, and its templates of resources."""
    found = await request.app[REGISTRY].reports.resources(request.match_info["name"], listing(request))
    return json_response(page(request, found, resource_view))


async def prompts(request: web.Request) -> web.Response:
    """List the prompts of a published entry."""
    found = await request.app[REGISTRY].reports.prompts(request.match_info["name"], listing(request))
    return json_response(page(request, found, prompt_view))


def _render(request: web.Request, mcp: Mcp, status: int = 200, warnings: Sequence[str] = ()) -> web.Response:
    report = request.app[REGISTRY].reports.of(mcp)
    return _render_report(replace(report, warnings=[*report.warnings, *warnings]), status)


def _render_report(report: McpReport, status: int = 200) -> web.Response:
    return json_response(mcp_view(report), status=status, revision=revision(masked(report.mcp)))


def mcp_spec(body: NewMcp | McpPut) -> McpSpec:
    """Convert the body to an McpSpec."""
    return McpSpec(
        transport=body.transport,
        options=body.options,
        display_name=body.display_name,
        description=body.description,
        tags=None if body.tags is None else tuple(body.tags),
        arguments=optional_choice(ArgumentPolicy, body.arguments, "arguments"),
        call_timeout_seconds=body.call_timeout_seconds,
        max_in_flight=body.max_in_flight,
        breaker_failures=body.breaker_failures,
        grace_seconds=body.grace_seconds,
        isolation=optional_choice(Isolation, body.isolation, "isolation"),
        pin=optional_choice(Pin, body.pin, "pin"),
        prefixed=body.prefixed,
        sessions=optional_choice(Sessions, body.sessions, "sessions"),
        broadcast=optional_choice(Broadcast, body.broadcast, "broadcast"),
        owner=body.owner,
        credentials=None if body.credentials is None else credential_needs(body.credentials),
        transforms=None if body.transforms is None else tool_transforms(body.transforms),
    )


def _wants_test(request: web.Request) -> bool:
    return flag(request, "test", default=True)


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [*_entries(), *_operations(), *_offers()]


def _entries() -> list[Endpoint]:
    one, manage = f"{MCPS}/{{name}}", Right.MANAGE
    test = Parameter(
        name="test", description="`false` applies changed options without testing them first.", kind="boolean"
    )
    return [
        Endpoint(
            method="GET", path=MCPS, right=Right.READ, handler=index, response_type=Page[McpView], query=LIST
        ),
        Endpoint(
            method="POST",
            path=MCPS,
            right=manage,
            handler=add,
            body_type=NewMcp,
            response_type=McpView,
            statuses=(201,),
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, response_type=McpView),
        Endpoint(
            method="PUT",
            path=one,
            right=manage,
            handler=put,
            body_type=McpPut,
            response_type=McpView,
            statuses=(200, 201),
            query=(test,),
            accepts_if_match=True,
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=manage,
            handler=change,
            body_type=McpPut,
            response_type=McpView,
            query=(test,),
            accepts_if_match=True,
        ),
        Endpoint(
            method="DELETE", path=one, right=manage, handler=remove, statuses=(204,), accepts_if_match=True
        ),
    ]


def _operations() -> list[Endpoint]:
    one, manage, operate = f"{MCPS}/{{name}}", Right.MANAGE, Right.OPERATE
    return [
        Endpoint(
            method="POST",
            path=f"{one}/publish",
            right=manage,
            handler=publish,
            body_type=OneTimeValues,
            body_is_optional=True,
            response_type=McpView,
        ),
        Endpoint(
            method="POST",
            path=f"{one}/approve",
            right=manage,
            handler=approve,
            body_type=DefinitionApproval,
            response_type=McpView,
        ),
        Endpoint(method="POST", path=f"{one}/archive", right=manage, handler=archive, response_type=McpView),
        Endpoint(method="POST", path=f"{one}/restart", right=operate, handler=restart, response_type=McpView),
    ]


def _offers() -> list[Endpoint]:
    one = f"{MCPS}/{{name}}"
    lines = Parameter(
        name="lines", description=f"The number of lines. Default: {DEFAULT_PAGE}.", kind="integer"
    )
    return [
        # The output of a downstream may contain data of its users, so the right READ is not enough.
        Endpoint(
            method="GET",
            path=f"{one}/logs",
            right=Right.OPERATE,
            handler=logs,
            response_type=Page[OutputView],
            query=(lines,),
        ),
        Endpoint(
            method="POST",
            path=f"{one}/test",
            right=Right.MANAGE,
            handler=test,
            body_type=OneTimeValues,
            body_is_optional=True,
            response_type=Page[ToolView],
            has_dry_run=False,
        ),
        _list("tools", tools, Page[ToolView]),
        _list("resources", resources, Page[ResourceView]),
        _list("prompts", prompts, Page[PromptView]),
        Endpoint(
            method="GET",
            path=f"{one}/definitions",
            right=Right.READ,
            handler=definitions,
            response_type=Page[DefinitionView],
        ),
    ]


def _list(name: str, handler: Handler, response_type: type[Any]) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"{MCPS}/{{name}}/{name}",
        right=Right.READ,
        handler=handler,
        response_type=response_type,
        query=LIST,
    )
