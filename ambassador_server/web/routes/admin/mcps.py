"""`/v1/admin/mcps`: parse, call the service, render."""

from aiohttp import web

from ambassador_protocol.admin.mcps import McpPut, McpView, NewMcp
from ambassador_protocol.admin.page import Page
from ambassador_protocol.paths import MCPS
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.catalog import ArgumentPolicy, Isolation, Mcp
from ambassador_server.domain.revision import revision
from ambassador_server.services.mcp_facts import McpFacts, visible
from ambassador_server.services.registry import Services
from ambassador_server.services.writing import WriteResult
from ambassador_server.web.bodies import json_response, read_strict
from ambassador_server.web.keys import SERVICES
from ambassador_server.web.listing import listing, page
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.requests import (
    DEFAULT_PAGE,
    check_parameters,
    expected,
    flag,
    number,
    optional_choice,
    requester,
)
from ambassador_server.web.views import mcp_view, offered_tool_view, output_view, tool_view


async def add(request: web.Request) -> web.Response:
    """Add a draft entry."""
    body = await read_strict(request, NewMcp)
    mcp = await request.app[SERVICES].mcps.add(requester(request), body.name, mcp_facts(body))
    return _render(request, mcp, status=201)


async def put(request: web.Request) -> web.Response:
    """Add a draft entry, or change what the body names."""
    facts, name = mcp_facts(await read_strict(request, McpPut)), request.match_info["name"]
    written = await request.app[SERVICES].mcps.put(
        requester(request), name, facts, expected=expected(request), test=_wants_test(request)
    )
    return _render(request, written.item, status=201 if written.result is WriteResult.CREATED else 200)


async def change(request: web.Request) -> web.Response:
    """Change what the body names."""
    facts, name = mcp_facts(await read_strict(request, McpPut)), request.match_info["name"]
    mcp = await request.app[SERVICES].mcps.update(
        requester(request), name, facts, expected=expected(request), test=_wants_test(request)
    )
    return _render(request, mcp)


async def publish(request: web.Request) -> web.Response:
    """Publish an entry."""
    name = request.match_info["name"]
    return _render(request, await request.app[SERVICES].mcps.publish(requester(request), name))


async def archive(request: web.Request) -> web.Response:
    """Take an entry out of service."""
    name = request.match_info["name"]
    return _render(request, await request.app[SERVICES].mcps.archive(requester(request), name))


async def restart(request: web.Request) -> web.Response:
    """Stop and start the connections of an entry."""
    name = request.match_info["name"]
    return _render(request, await request.app[SERVICES].mcps.restart(requester(request), name))


async def logs(request: web.Request) -> web.Response:
    """Show what an entry's downstream wrote lately."""
    services = request.app[SERVICES]
    lines = max(1, number(request, "lines", DEFAULT_PAGE))
    output = await services.mcps.output(request.match_info["name"], lines)
    views = [output_view(line, services.policy.snapshot) for line in output]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def remove(request: web.Request) -> web.Response:
    """Delete an entry that is not published."""
    name = request.match_info["name"]
    await request.app[SERVICES].mcps.remove(requester(request), name, expected=expected(request))
    return web.Response(status=204)


async def test(request: web.Request) -> web.Response:
    """Connect to an entry and list what it offers, changing nothing."""
    name = request.match_info["name"]
    found = await request.app[SERVICES].mcps.test(name)
    views = [offered_tool_view(name, tool) for tool in found]
    return json_response(Page(items=views, next_cursor=None, total=len(views)))


async def show(request: web.Request) -> web.Response:
    """Show one entry."""
    return _render(request, await request.app[SERVICES].mcps.get(request.match_info["name"]))


async def index(request: web.Request) -> web.Response:
    """List entries, by name unless the query says otherwise."""
    services = request.app[SERVICES]
    mcps = await services.mcps.page(listing(request))
    return json_response(page(request, mcps, lambda mcp: _view(services, mcp)))


async def tools(request: web.Request) -> web.Response:
    """List the published tools of an entry."""
    services = request.app[SERVICES]
    mcp = await services.mcps.get(request.match_info["name"])
    entries = services.catalog.page_of(mcp.mcp_id, listing(request))
    return json_response(page(request, entries, tool_view))


def _render(request: web.Request, mcp: Mcp, status: int = 200) -> web.Response:
    return json_response(_view(request.app[SERVICES], mcp), status=status, revision=revision(visible(mcp)))


def _view(services: Services, mcp: Mcp) -> McpView:
    downstreams = services.downstreams
    return mcp_view(mcp, downstreams.state(mcp.mcp_id), downstreams.activity(mcp.mcp_id))


def mcp_facts(body: NewMcp | McpPut) -> McpFacts:
    """Read what the body says."""
    return McpFacts(
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
    check_parameters(request, {"test"})
    return flag(request, "test", default=True)


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [
        web.get(MCPS, administered(Right.READ, index)),
        web.post(MCPS, administered(Right.MANAGE, add)),
        web.get(f"{MCPS}/{{name}}", administered(Right.READ, show)),
        web.put(f"{MCPS}/{{name}}", administered(Right.MANAGE, put)),
        web.patch(f"{MCPS}/{{name}}", administered(Right.MANAGE, change)),
        web.post(f"{MCPS}/{{name}}/publish", administered(Right.MANAGE, publish)),
        web.post(f"{MCPS}/{{name}}/archive", administered(Right.MANAGE, archive)),
        web.post(f"{MCPS}/{{name}}/restart", administered(Right.OPERATE, restart)),
        # What a downstream writes may hold what its users sent it: for those who operate it, not for all who read.
        web.get(f"{MCPS}/{{name}}/logs", administered(Right.OPERATE, logs)),
        web.post(f"{MCPS}/{{name}}/test", administered(Right.MANAGE, test)),
        web.delete(f"{MCPS}/{{name}}", administered(Right.MANAGE, remove)),
        web.get(f"{MCPS}/{{name}}/tools", administered(Right.READ, tools)),
    ]
