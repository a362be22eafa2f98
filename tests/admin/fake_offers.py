"""The routes of the fake admin API for resources and prompts: what an MCP has of them, and who may use it."""

from aiohttp import web

from ambassador_protocol import paths
from tests.admin.fake_routes import API, _for, _known, _page, _permits
from tests.admin.fake_state import Item

RESOURCES = [
    {
        "uri": "git://readme",
        "pattern": "git://readme",
        "published_as": "git://readme",
        "template": False,
        "name": "readme",
        "mime_type": "text/markdown",
        "description": "What it is.",
    },
    {
        "uri": "git://{ref}/{path*}",
        "pattern": "git://{ref}/{path%2A}",
        "published_as": "ambassador:git:git://{ref}/{path*}",
        "template": True,
        "name": "file",
        "mime_type": "",
        "description": "",
    },
]
PROMPTS = [
    {
        "name": "git.review",
        "pattern": "git.review",
        "published_as": "git__review",
        "description": "Reviews a change.",
    }
]


def offer_routes() -> list[web.RouteDef]:
    """Return the routes; the MCP `git` has two resources and a prompt, and the others have none."""
    return [
        web.get(paths.MCPS + "/{name}/resources", _for("read", _resources)),
        web.get(paths.MCPS + "/{name}/prompts", _for("read", _prompts)),
        web.get(paths.ACCESS + "/resources", _for("read", _usable_resources)),
        web.get(paths.ACCESS + "/prompts", _for("read", _usable_prompts)),
    ]


async def _resources(request: web.Request) -> web.Response:
    return await _page(request, {each["uri"]: each for each in RESOURCES if _is_about_git(request)})


async def _prompts(request: web.Request) -> web.Response:
    return await _page(request, {each["name"]: each for each in PROMPTS if _is_about_git(request)})


def _is_about_git(request: web.Request) -> bool:
    _known(request.app[API].mcps, "mcp", request.match_info["name"])
    return request.match_info["name"] == "git"


async def _usable_resources(request: web.Request) -> web.Response:
    return await _page(
        request,
        {
            each["uri"]: _usable(request, {"uri": each["uri"]}, each)
            for each in RESOURCES
            if _may(request, "resource", each["uri"])
        },
    )


async def _usable_prompts(request: web.Request) -> web.Response:
    return await _page(
        request,
        {
            each["name"]: _usable(request, {"prompt": each["name"]}, each)
            for each in PROMPTS
            if _may(request, "prompt", each["name"])
        },
    )


def _may(request: web.Request, kind: str, name: object) -> bool:
    api = request.app[API]
    user = _known(api.users, "user", request.query["user"])
    return any(_permits(grant, user, kind, str(name)) for grant in api.grants.values())


def _usable(request: web.Request, named: Item, each: Item) -> Item:
    keys = request.app[API].keys.values()
    return {
        **named,
        "pattern": each["pattern"],
        "mcp": "git",
        "published_as": each["published_as"],
        "keys": [key["name"] for key in keys if key["user"] == request.query["user"]],
    }
