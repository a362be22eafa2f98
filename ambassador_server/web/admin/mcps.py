"""`/v1/admin/mcps`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.mcps import McpPut, McpView, NewMcp, OutputView, ToolView
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import MCPS
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Isolation, Mcp
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.shared.revision import revision
from ambassador_server.services.changes.writing import WriteResult
from ambassador_server.services.registry.mcp_reports import McpReport
from ambassador_server.services.registry.mcp_spec import McpSpec, masked
from ambassador_server.web.admin.app_keys import ADMINISTRATION, REGISTRY
from ambassador_server.web.admin.views import mcp_view, offered_tool_view, output_view, tool_view
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import LIST, Endpoint, Parameter
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
    """Add a draft entry, or change what the body names."""
    spec, name = mcp_spec(body), request.match_info["name"]
    written = await request.app[REGISTRY].mcps.put(
        requester(request), name, spec, expected=expected(request), test=_wants_test(request)
    )
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request, body: McpPut) -> web.Response:
    """Change what the body names."""
    spec, name = mcp_spec(body), request.match_info["name"]
    mcp = await request.app[REGISTRY].mcps.update(
        requester(request), name, spec, expected=expected(request), test=_wants_test(request)
    )
    return _render(request, mcp)


async def publish(request: web.Request) -> web.Response:
    """Publish an entry."""
    name = request.match_info["name"]
    return _render(request, await request.app[REGISTRY].mcps.publish(requester(request), name))


async def archive(request: web.Request) -> web.Response:
    """Take an entry out of service."""
    name = request.match_info["name"]
    return _render(request, await request.app[REGISTRY].mcps.archive(requester(request), name))


async def restart(request: web.Request) -> web.Response:
    """Stop and start the connections of an entry."""
    name = request.match_info["name"]
    return _render(request, await request.app[REGISTRY].mcps.restart(requester(request), name))


async def logs(request: web.Request) -> web.Response:
    """Show what an entry's downstream wrote lately."""
    names, lines = request.app[ADMINISTRATION].names, max(1, number(request, "lines", DEFAULT_PAGE))
    output = await request.app[REGISTRY].reports.output(request.match_info["name"], lines)
    views = [output_view(line, names) for line in output]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def remove(request: web.Request) -> web.Response:
    """Delete an entry that is not published."""
    name = request.match_info["name"]
    await request.app[REGISTRY].mcps.remove(requester(request), name, expected=expected(request))
    return web.Response(status=204)


async def test(request: web.Request) -> web.Response:
    """Connect to an entry and list what it offers, changing nothing."""
    name = request.match_info["name"]
    found = await request.app[REGISTRY].mcps.test(name)
    views = [offered_tool_view(name, tool) for tool in found]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def show(request: web.Request) -> web.Response:
    """Show one entry."""
    report = await request.app[REGISTRY].reports.get(request.match_info["name"])
    return _render_report(report)


async def index(request: web.Request) -> web.Response:
    """List entries, by name unless the query says otherwise."""
    reports = await request.app[REGISTRY].reports.page(listing(request))
    return json_response(page(request, reports, mcp_view))


async def tools(request: web.Request) -> web.Response:
    """List the published tools of an entry."""
    entries = await request.app[REGISTRY].reports.tools(request.match_info["name"], listing(request))
    return json_response(page(request, entries, tool_view))


def _render(request: web.Request, mcp: Mcp, status: int = 200) -> web.Response:
    return _render_report(request.app[REGISTRY].reports.of(mcp), status)


def _render_report(report: McpReport, status: int = 200) -> web.Response:
    return json_response(mcp_view(report), status=status, revision=revision(masked(report.mcp)))


def mcp_spec(body: NewMcp | McpPut) -> McpSpec:
    """Read what the body says."""
    return McpSpec(
        transport=body.transport,
        options=body.options,
        display_name=body.display_name,
        description=body.description,
        tags=None if body.tags is None else tuple(body.tags),
        arguments=optional_choice(ArgumentPolicy, body.arguments, "arguments"),
        call_timeout_seconds=body.call_timeout_seconds,
        isolation=optional_choice(Isolation, body.isolation, "isolation"),
        owner=body.owner,
    )


def _wants_test(request: web.Request) -> bool:
    return flag(request, "test", default=True)


def endpoints() -> list[Endpoint]:
    """Return the endpoints, the order of which is that of the description."""
    return [*_entries(), *_operations()]


def _entries() -> list[Endpoint]:
    one, manage = f"{MCPS}/{{name}}", Right.MANAGE
    test = Parameter(
        name="test", says="`false` publishes other options without trying them first.", kind="boolean"
    )
    return [
        Endpoint(method="GET", path=MCPS, right=Right.READ, handler=index, gives=Page[McpView], query=LIST),
        Endpoint(
            method="POST", path=MCPS, right=manage, handler=add, takes=NewMcp, gives=McpView, statuses=(201,)
        ),
        Endpoint(method="GET", path=one, right=Right.READ, handler=show, gives=McpView),
        Endpoint(
            method="PUT",
            path=one,
            right=manage,
            handler=put,
            takes=McpPut,
            gives=McpView,
            statuses=(200, 201),
            query=(test,),
            is_conditional=True,
        ),
        Endpoint(
            method="PATCH",
            path=one,
            right=manage,
            handler=change,
            takes=McpPut,
            gives=McpView,
            query=(test,),
            is_conditional=True,
        ),
        Endpoint(
            method="DELETE", path=one, right=manage, handler=remove, statuses=(204,), is_conditional=True
        ),
    ]


def _operations() -> list[Endpoint]:
    one, manage, operate = f"{MCPS}/{{name}}", Right.MANAGE, Right.OPERATE
    lines = Parameter(name="lines", says=f"How many lines, else {DEFAULT_PAGE}.", kind="integer")
    return [
        Endpoint(method="POST", path=f"{one}/publish", right=manage, handler=publish, gives=McpView),
        Endpoint(method="POST", path=f"{one}/archive", right=manage, handler=archive, gives=McpView),
        Endpoint(method="POST", path=f"{one}/restart", right=operate, handler=restart, gives=McpView),
        # What a downstream writes may hold what its users sent it: for those who operate it, not for all who read.
        Endpoint(
            method="GET",
            path=f"{one}/logs",
            right=operate,
            handler=logs,
            gives=Page[OutputView],
            query=(lines,),
        ),
        Endpoint(method="POST", path=f"{one}/test", right=manage, handler=test, gives=Page[ToolView]),
        Endpoint(
            method="GET",
            path=f"{one}/tools",
            right=Right.READ,
            handler=tools,
            gives=Page[ToolView],
            query=LIST,
        ),
    ]
