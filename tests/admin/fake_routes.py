"""The application of the fake admin API; it checks requests as strictly as the server."""

import copy
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter, ValidationError

from ambassador_protocol import paths
from ambassador_protocol.admin.audit import Pruning
from ambassador_protocol.admin.credential_needs import without_defaults
from ambassador_protocol.admin.grants import GrantApproval, NewGrant
from ambassador_protocol.admin.groups import GroupPut, NewGroup
from ambassador_protocol.admin.limits import LimitPut
from ambassador_protocol.admin.mcps import DefinitionApproval, McpPut, NewMcp
from ambassador_protocol.admin.switches import NewSwitch
from ambassador_protocol.admin.tool_transforms import short_transforms
from ambassador_protocol.admin.users import NewUser, UserPut
from ambassador_protocol.approvals import RequestDecision
from ambassador_protocol.audit.public_keys import PublicKey
from ambassador_protocol.problems import Problem, ProblemCode
from ambassador_server.domain.shared.listing import Condition, Field, InMemoryList, Listing, Position
from ambassador_server.errors import InvalidInputError
from tests.admin.fake_impact import impact_of
from tests.admin.fake_state import ADMIN_KEY, AT, AUDITOR_KEY, LOGIN_KEY, FakeState, Item, mcp_view

RIGHTS = {
    ADMIN_KEY: (
        "ops",
        ["admin", "auditor"],
        {
            *("read", "provision", "manage", "operate", "audit:read", "audit:prune"),
            *("approvals:read", "approvals:decide"),
        },
    ),
    AUDITOR_KEY: ("eve", ["auditor"], {"read", "audit:read"}),
    LOGIN_KEY: ("alice", ["operator"], {"read", "operate"}),
}
_CODES = {
    400: ProblemCode.BAD_REQUEST,
    401: ProblemCode.SESSION_INVALID,
    403: ProblemCode.MISSING_RIGHT,
    404: ProblemCode.NOT_FOUND,
    409: ProblemCode.CONFLICT,
    429: ProblemCode.RATE_LIMITED,
    500: ProblemCode.INTERNAL,
    503: ProblemCode.OVERLOADED,
}


_AUDIT_FILES = (
    ("node-1", "00000001.jsonl", b"a line\n" * 100),
    ("node-1", "00000002.jsonl", b"a line\n" * 3),
)

T = TypeVar("T")
Route = Callable[[web.Request], Awaitable[web.Response]]


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


KINDS = ("tool", "resource", "prompt")
API: web.AppKey[FakeState] = web.AppKey("api", FakeState)


def application(api: FakeState) -> web.Application:
    """Return the application of a fake admin API."""
    app = web.Application(middlewares=[_edge])
    app[API] = api
    app.add_routes(
        [
            web.get(paths.READY, _ready),
            web.get(paths.CA_CERTIFICATE, _ca),
            web.get(paths.USERS, _for("read", lambda request: _page(request, api.users))),
            web.post(paths.USERS, _for("provision", _create_user)),
            web.get(paths.USERS + "/{name}", _for("read", lambda request: _show(request, api.users))),
            web.patch(paths.USERS + "/{name}", _for("provision", _change_user)),
            web.get(paths.GROUPS, _for("read", lambda request: _page(request, api.groups))),
            web.post(paths.GROUPS, _for("provision", _create_group)),
            web.get(paths.GROUPS + "/{name}", _for("read", lambda request: _show(request, api.groups))),
            web.patch(paths.GROUPS + "/{name}", _for("provision", _change_group)),
            web.delete(paths.GROUPS + "/{name}", _for("provision", _remove_group)),
            web.put(paths.GROUPS + "/{name}/members/{user}", _for("provision", _member)),
            web.delete(paths.GROUPS + "/{name}/members/{user}", _for("provision", _member)),
            web.get(paths.MCPS, _for("read", lambda request: _page(request, api.mcps))),
            web.post(paths.MCPS, _for("manage", _add_mcp)),
            web.get(paths.MCPS + "/{name}", _for("read", lambda request: _show(request, api.mcps))),
            web.patch(paths.MCPS + "/{name}", _for("manage", _change_mcp)),
            web.post(paths.MCPS + "/{name}/archive", _for("manage", _archive)),
            web.post(paths.MCPS + "/{name}/test", _for("manage", _test_mcp)),
            web.delete(paths.MCPS + "/{name}", _for("manage", _remove_mcp)),
            web.post(paths.MCPS + "/{name}/publish", _for("manage", _publish)),
            web.post(paths.MCPS + "/{name}/restart", _for("operate", _restart)),
            web.get(paths.MCPS + "/{name}/logs", _for("operate", _logs)),
            web.get(paths.MCPS + "/{name}/tools", _for("read", _tools)),
            web.get(paths.MCPS + "/{name}/definitions", _for("read", _definitions)),
            web.post(paths.MCPS + "/{name}/approve", _for("manage", _approve)),
            web.get(paths.GRANTS, _for("read", lambda request: _page(request, api.grants))),
            web.post(paths.GRANTS, _for("manage", _add_grant)),
            web.put(paths.GRANTS, _for("manage", _put_grant)),
            web.delete(paths.GRANTS + "/{id}", _for("manage", _remove_grant)),
            web.get(paths.SESSIONS, _for("read", lambda request: _page_of_user(request, api.sessions))),
            web.post(paths.SESSIONS + "/{id}/revoke", _for("operate", _end_session)),
            web.get(paths.LIMITS, _for("read", lambda request: _page(request, api.limits))),
            web.get(paths.LIMITS + "/{name}", _for("read", _show_limit)),
            web.put(paths.LIMITS + "/{name}", _for("manage", _put_limit)),
            web.delete(paths.LIMITS + "/{name}", _for("manage", _remove_limit)),
            web.get(paths.LIMIT_COUNTERS, _for("read", _limit_counters)),
            web.get(paths.APPROVALS, _for("approvals:read", lambda request: _page(request, api.approvals))),
            web.get(paths.APPROVALS + "/{id}", _for("approvals:read", _show_approval)),
            web.post(paths.APPROVALS + "/{id}/{decision}", _for("approvals:decide", _decide_approval)),
            web.get(paths.SWITCHES, _for("read", _list_switches)),
            web.post(paths.SWITCHES, _for("operate", _activate)),
            web.get(paths.SWITCHES + "/{id}", _for("read", _show_switch)),
            web.post(paths.SWITCHES + "/{id}/lift", _for("operate", _lift)),
            web.get(paths.ACCESS + "/explain", _for("read", _explain)),
            web.get(paths.ACCESS + "/tools", _for("read", _callable_tools)),
            web.get(paths.ACCESS + "/who-can", _for("read", _who_can)),
            web.get(paths.ACCESS + "/claims", _for("read", _claims)),
            web.get(paths.AUDIT_VERIFICATION, _for("audit:read", _verification)),
            web.post(paths.AUDIT_PRUNING, _for("audit:prune", _prune)),
            web.get(paths.AUDIT_KEYS, _for("audit:read", _audit_keys)),
            web.get(paths.AUDIT_FILES, _for("audit:read", _audit_files)),
            web.get(paths.AUDIT_FILES + "/{writer}/{name}", _for("audit:read", _audit_file)),
        ]
    )
    return app


@web.middleware
async def _edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    api = request.app[API]
    text = await request.text()
    api.requests.append((request.method, request.raw_path, json.loads(text) if text else None))
    if (request.method, request.path) in api.broken_answers:
        status, body = api.broken_answers[request.method, request.path]
        return web.Response(status=status, text=body, headers={"Retry-After": "7"} if status == 429 else {})
    try:
        return await (_dry_run if request.query.get("dry_run") == "true" else _pass)(request, handler)
    except Refusal as refusal:
        status, message = refusal.status, refusal.message
    except web.HTTPException as error:
        status, message = error.status, error.reason
    problem = Problem(
        status=status,
        code=_CODES.get(status, ProblemCode.BAD_REQUEST),
        error="refused",
        message=message,
        request_id="request-0001",
    )
    return web.json_response(problem.body(), status=status, content_type="application/problem+json")


async def _pass(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


async def _dry_run(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Carry out a change and undo it, as the server does."""
    state = vars(request.app[API])
    kinds = (dict, list)
    before = {
        name: copy.deepcopy(value)
        for name, value in state.items()
        if isinstance(value, kinds) and name != "requests"
    }
    try:
        answer = await handler(request)
    finally:
        state.update(before)
    assert isinstance(answer, web.Response)
    warnings = json.loads(answer.text).get("warnings", []) if answer.text else []
    change = {"action": "admin:user:update", "kind": "user", "name": "alice"}
    return web.json_response({"changes": [change], "warnings": warnings})


def _for(right: str, route: Route) -> Route:
    async def guarded(request: web.Request) -> web.Response:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in RIGHTS:
            raise Refusal(401, "A valid admin key is required")
        if key == LOGIN_KEY and not request.app[API].is_logged_in:
            raise Refusal(401, "A valid admin key is required")
        if right not in RIGHTS[key][2]:
            raise Refusal(403, f"This admin key lacks the right {right!r}")
        return await route(request)

    return guarded


async def _read(request: web.Request, kind: type[T]) -> T:
    if request.content_type != "application/json":
        raise Refusal(400, "Content-Type must be application/json")
    try:
        return TypeAdapter(kind).validate_json(await request.read())
    except ValidationError as error:
        raise Refusal(400, str(error)) from None


def _known(items: dict[str, Item], kind: str, name: str) -> Item:
    if name not in items:
        raise Refusal(404, f"No {kind} {name!r}")
    return items[name]


def _take(items: dict[str, Item], kind: str, name: str, item: Item) -> web.Response:
    if name in items:
        raise Refusal(409, f"There is a {kind} {name!r} already")
    items[name] = item
    return web.json_response(item, status=201)


async def _page(request: web.Request, items: dict[str, Item]) -> web.Response:
    query = request.query
    if set(query) - {"limit", "cursor", "filter", "sort", "user", "all", "tool", "resource", "expired"}:
        raise Refusal(400, "unknown parameter")
    sort = query.get("sort")
    cursor = json.loads(query["cursor"]) if "cursor" in query else None
    try:
        wanted = Listing(
            conditions=tuple(map(Condition.parse, query.getall("filter", []))),
            sort=None if sort is None else sort.removeprefix("-"),
            descending=sort is not None and sort.startswith("-"),
            limit=min(int(query["limit"]), request.app[API].page_size),
            after=None if cursor is None else Position(*cursor),
        )
        found = _stored_list(request, items).page(items.items(), wanted)
    except InvalidInputError as error:
        raise Refusal(400, error.message) from None
    after = found.following
    more = None if after is None else json.dumps([after.sort, after.item_id])
    views = [item for _, item in found.items]
    return web.json_response({"items": views, "next_cursor": more, "total": found.total})


_MEMBERS_WITHOUT_ITEMS = {"name": "", "active": True, "drill": False}


def _stored_list(request: web.Request, items: dict[str, Item]) -> InMemoryList[tuple[str, Item]]:
    """Allow filters and sorting by every member; list members have singular names, as on the server."""
    fields: dict[str, Field[tuple[str, Item]]] = {}
    for member, value in next(iter(items.values()), _MEMBERS_WITHOUT_ITEMS).items():
        several = isinstance(value, list)
        fields[member.removesuffix("s") if several else member] = Field(
            lambda row, member=member, several=several: (
                tuple(row[1][member]) if several else _word(row[1][member])
            ),
            filters=not member.endswith("_at"),
            sorts=not several,
        )
    noun = request.path.rpartition("/")[2].removesuffix("s")
    return InMemoryList(noun=noun, fields=fields, order=Field(lambda row: row[0]), item_id=lambda row: row[0])


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


async def _show(request: web.Request, items: dict[str, Item]) -> web.Response:
    kind = request.path.removeprefix(paths.ADMIN + "/").partition("/")[0].removesuffix("s")
    item = _known(items, kind, request.match_info["name"])
    return web.json_response(item, headers={"ETag": _revision(item)})


def _revision(item: Item) -> str:
    return f'"{hashlib.sha256(json.dumps(item).encode()).hexdigest()}"'


async def _ready(request: web.Request) -> web.Response:
    well = request.app[API].is_ready
    faults = {"client": {"refused": 3, "cut_off": 1}, "admin": {"refused": 0, "cut_off": 0}}
    checks = {"database": well, "audit_log": True}
    body = {"status": "ready" if well else "not_ready", "checks": checks, "connections": faults}
    return web.json_response(body, status=200 if well else 503)


async def _ca(request: web.Request) -> web.Response:
    if request.app[API].ca_pem is None:
        raise Refusal(404, "This server does not use a CA of its own")
    return web.Response(text=request.app[API].ca_pem)


async def _create_user(request: web.Request) -> web.Response:
    new, api = await _read(request, NewUser), request.app[API]
    if new.name in api.users:
        raise Refusal(409, f"There is a user {new.name!r} already")
    changes = {name: value for name, value in asdict(new).items() if value is not None}
    api.add_user(**{"display_name": new.name} | changes)
    return web.json_response(api.users[new.name], status=201)


async def _change_user(request: web.Request) -> web.Response:
    user = _known(request.app[API].users, "user", request.match_info["name"])
    changes = asdict(await _read(request, UserPut))
    user.update({name: value for name, value in changes.items() if value is not None})
    return web.json_response(user)


async def _create_group(request: web.Request) -> web.Response:
    new = await _read(request, NewGroup)
    view = {
        "name": new.name,
        "description": new.description,
        "status": "active",
        "members": [],
        "owner": None,
        "created_at": AT,
    }
    return _take(request.app[API].groups, "group", new.name, view)


async def _change_group(request: web.Request) -> web.Response:
    group = _known(request.app[API].groups, "group", request.match_info["name"])
    changes = asdict(await _read(request, GroupPut))
    group.update({name: value for name, value in changes.items() if value is not None})
    return web.json_response(group)


async def _remove_group(request: web.Request) -> web.Response:
    groups, name = request.app[API].groups, request.match_info["name"]
    _known(groups, "group", name)
    del groups[name]
    return web.Response(status=204)


async def _member(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["user"]
    group = _known(api.groups, "group", request.match_info["name"])
    user = _known(api.users, "user", name)
    members = {*group["members"], name} if request.method == "PUT" else {*group["members"]} - {name}
    group["members"] = sorted(members)
    user_groups = (
        {*user["groups"], group["name"]} if request.method == "PUT" else {*user["groups"]} - {group["name"]}
    )
    user["groups"] = sorted(user_groups)
    return web.json_response(group)


async def _add_mcp(request: web.Request) -> web.Response:
    new = await _read(request, NewMcp)
    if new.transport not in ("stdio", "streamable_http", "sse"):
        raise Refusal(400, f"There is no transport {new.transport!r}")
    return _take(request.app[API].mcps, "mcp", new.name, mcp_view(new, "draft", 0))


async def _change_mcp(request: web.Request) -> web.Response:
    mcp = _known(request.app[API].mcps, "MCP", request.match_info["name"])
    expected = request.headers.get("If-Match")
    if expected is not None and expected != _revision(mcp):
        raise Refusal(412, "It has been changed since you looked at it")
    changes = asdict(await _read(request, McpPut))
    if changes["credentials"] is not None:
        changes["credentials"] = without_defaults(changes["credentials"])
    if changes["transforms"] is not None:
        changes["transforms"] = short_transforms(changes["transforms"])
    mcp.update({name: value for name, value in changes.items() if value is not None})
    return web.json_response(mcp)


async def _publish(request: web.Request) -> web.Response:
    mcp = _known(request.app[API].mcps, "mcp", request.match_info["name"])
    if mcp["status"] == "published":
        raise Refusal(409, f"MCP {mcp['name']!r} is published already")
    mcp |= {"status": "published", "state": "ready"}
    return web.json_response(mcp)


async def _archive(request: web.Request) -> web.Response:
    mcp = _known(request.app[API].mcps, "mcp", request.match_info["name"])
    if mcp["status"] != "published":
        raise Refusal(409, f"MCP {mcp['name']!r} is not published")
    mcp |= {"status": "archived", "state": "stopped"}
    return web.json_response(mcp)


async def _restart(request: web.Request) -> web.Response:
    mcp = _known(request.app[API].mcps, "mcp", request.match_info["name"])
    if mcp["status"] != "published":
        raise Refusal(409, f"MCP {mcp['name']!r} is not published")
    mcp |= {"state": "starting", "connections": 0}
    return web.json_response(mcp)


async def _logs(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["name"]
    _known(api.mcps, "mcp", name)
    lines = api.output.get(name, [])[-int(request.query["lines"]) :]
    return web.json_response({"items": lines, "next_cursor": None, "total": len(lines)})


async def _remove_mcp(request: web.Request) -> web.Response:
    mcp = _known(request.app[API].mcps, "mcp", request.match_info["name"])
    if mcp["status"] == "published":
        raise Refusal(409, f"MCP {mcp['name']!r} is published; archive it first")
    del request.app[API].mcps[mcp["name"]]
    return web.Response(status=204)


async def _test_mcp(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["name"]
    _known(api.mcps, "mcp", name)
    offered = [tool | {"published_as": ""} for tool in api.tools.get(name, [])]
    return web.json_response({"items": offered, "next_cursor": None, "total": len(offered)})


async def _tools(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["name"]
    _known(api.mcps, "mcp", name)
    return await _page(request, {tool["name"]: tool for tool in api.tools.get(name, [])})


async def _definitions(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["name"]
    _known(api.mcps, "mcp", name)
    waiting = api.definitions.get(name, [])
    return web.json_response({"items": waiting, "next_cursor": None, "total": len(waiting)})


async def _approve(request: web.Request) -> web.Response:
    api, body = request.app[API], await _read(request, DefinitionApproval)
    mcp = _known(api.mcps, "mcp", request.match_info["name"])
    waiting = api.definitions[mcp["name"]]
    assert body.tools.items() <= {each["tool"]: each["offered_digest"] for each in waiting}.items()
    api.definitions[mcp["name"]] = [each for each in waiting if each["tool"] not in body.tools]
    mcp["waiting"] -= len(body.tools)
    return web.json_response(mcp)


async def _add_grant(request: web.Request) -> web.Response:
    new, api = await _read(request, NewGrant), request.app[API]
    _known(api.groups, "group", new.group)
    _known(api.mcps, "MCP", new.mcp)
    grant = api.add_grant(
        f"grant-{len(api.grants) + 1}",
        group=new.group,
        mcp=new.mcp,
        tools=new.tools,
        resources=new.resources,
        prompts=new.prompts,
        effect=new.effect,
        delivery=new.delivery,
        expires_at=new.expires_at or _expiry(new.expires_in_seconds),
        owner=new.owner,
        constraints=new.constraints,
        approval=_approval(new.approval),
    )
    return web.json_response(grant | {"warnings": api.warnings}, status=201)


async def _put_grant(request: web.Request) -> web.Response:
    new, api = await _read(request, NewGrant), request.app[API]
    grant = next(each for each in api.grants.values() if (each["group"], each["mcp"]) == (new.group, new.mcp))
    if new.constraints is not None:
        grant["constraints"] = new.constraints or None
    if new.approval is not None:
        grant["approval"] = _approval(new.approval)
    return web.json_response(grant | {"warnings": []})


def _approval(new: GrantApproval | None) -> Item | None:
    if new is None or not new.required:
        return None
    return {"approvers": new.approvers, "valid_seconds": new.valid_seconds or 600}


async def _show_approval(request: web.Request) -> web.Response:
    return web.json_response(_known(request.app[API].approvals, "request", request.match_info["id"]))


async def _decide_approval(request: web.Request) -> web.Response:
    decision = await _read(request, RequestDecision)
    found = _known(request.app[API].approvals, "request", request.match_info["id"])
    if found["status"] != "pending":
        raise Refusal(409, f"Request {found['id']} is {found['status']} already")
    approves = request.match_info["decision"] == "approve"
    found |= {
        "status": "approved" if approves else "denied",
        "expires_at": "2026-05-04T13:40:00.000Z" if approves else None,
        "decided_at": AT,
        "decided_by": "ops",
        "decision_reason": decision.reason,
    }
    if approves and found["kind"] == "access":
        found |= {"status": "used", "expires_at": None, "grant": "grant-own", "used_at": AT}
        found["access_until"] = "2026-05-04T13:35:00.000Z"
    if decision.for_seconds is not None:
        found["valid_seconds"] = decision.for_seconds
    return web.json_response(found)


async def _remove_grant(request: web.Request) -> web.Response:
    _known(request.app[API].grants, "grant", request.match_info["id"])
    del request.app[API].grants[request.match_info["id"]]
    return web.Response(status=204)


async def _page_of_user(request: web.Request, items: dict[str, Item]) -> web.Response:
    user = request.query.get("user")
    if user is not None:
        _known(request.app[API].users, "user", user)
    return await _page(request, {name: item for name, item in items.items() if user in (None, item["user"])})


async def _end_session(request: web.Request) -> web.Response:
    session = _known(request.app[API].sessions, "session", request.match_info["id"])
    session["ended_at"] = "2026-05-04T13:30:00.000Z"
    return web.json_response(session)


async def _show_limit(request: web.Request) -> web.Response:
    return web.json_response(_known(request.app[API].limits, "limit", request.match_info["name"]))


async def _put_limit(request: web.Request) -> web.Response:
    api, name = request.app[API], request.match_info["name"]
    given = {key: value for key, value in asdict(await _read(request, LimitPut)).items() if value is not None}
    given.pop("allow_unmatched", None)
    status = 200 if name in api.limits else 201
    return web.json_response(api.add_limit(name, **given) | {"warnings": api.warnings}, status=status)


async def _remove_limit(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    _known(request.app[API].limits, "limit", name)
    del request.app[API].limits[name]
    return web.Response(status=204)


async def _limit_counters(request: web.Request) -> web.Response:
    used = {
        name: {
            "limit": name,
            **{each: limit[each] for each in ("scope", "target", "measure")},
            "user": None if limit["target"] else "alice",
            "used": 3,
            "most": limit["burst"] or limit["value"],
            "percent": 300 // (limit["burst"] or limit["value"]),
        }
        for name, limit in request.app[API].limits.items()
    }
    return await _page(request, used)


async def _list_switches(request: web.Request) -> web.Response:
    every = request.query.get("all") == "true"
    switches = request.app[API].switches.items()
    return await _page(
        request, {name: switch for name, switch in switches if every or not switch["lifted_at"]}
    )


async def _activate(request: web.Request) -> web.Response:
    new, api = await _read(request, NewSwitch), request.app[API]
    if (new.target is None) != (new.scope == "everyone"):
        raise Refusal(400, "target: wrong for this scope")
    if new.scope == "user":
        _known(api.users, "user", new.target or "")
    switch = api.add_switch(
        f"switch-{len(api.switches) + 1}",
        scope=new.scope,
        target=new.target,
        reason=new.reason,
        message=new.message,
        drill=new.drill,
        active=not new.drill,
        expires_at=_expiry(new.expires_in_seconds),
    )
    answer = switch | {"impact": impact_of(api, switch), "warnings": api.warnings}
    return web.json_response(answer, status=201)


async def _show_switch(request: web.Request) -> web.Response:
    api = request.app[API]
    switch = _known(api.switches, "kill switch", request.match_info["id"])
    return web.json_response(switch | {"impact": impact_of(api, switch)})


async def _lift(request: web.Request) -> web.Response:
    switch = _known(request.app[API].switches, "kill switch", request.match_info["id"])
    switch |= {"active": False, "lifted_at": "2026-05-04T13:00:00.000Z", "lifted_by": "ops"}
    return web.json_response(switch)


async def _explain(request: web.Request) -> web.Response:
    api, query = request.app[API], request.query
    user = _known(api.users, "user", query["user"])
    kind = next(kind for kind in KINDS if kind in query)
    rules = [
        {
            "kind": grant["effect"],
            "id": grant["id"],
            "says": f"{grant['group'] or grant['user']} {', '.join(grant['tools'])}",
            "applies": (grant["group"] in user["groups"] or grant["user"] == user["name"]),
            "why": None
            if (grant["group"] in user["groups"] or grant["user"] == user["name"])
            else "not in the group",
            "decides": _permits(grant, user, kind, query[kind]),
        }
        for grant in api.grants.values()
    ]
    allowed = any(rule["decides"] for rule in rules)
    answer = {
        "user": user["name"],
        "key": query.get("key"),
        "issuer": query.get("issuer"),
        "claimed_groups": [
            {"claimed": each, "group": "developers" if each == "eng" else None}
            for each in query.getall("claimed_group", ())
        ],
        **{each: query.get(each) for each in KINDS},
        "allowed": allowed,
        "constrained": False,
        "approval": None,
        "reason": None if allowed else "no_grant",
        "remedy": None if allowed else "ambassador-admin grant add",
        "path": _path(user, kind, query[kind], [rule for rule in rules if rule["decides"]]),
        "rules": rules,
    }
    return web.json_response(answer)


def _path(user: Item, kind: str, name: str, deciding: list[Item]) -> list[Item]:
    steps = [("user", user["name"]), ("key", None), ("group", ", ".join(user["groups"]) or None)]
    steps.append(("grant", deciding[0]["id"] if deciding else None))
    steps += [("mcp", "git"), (kind, name)] if deciding else []
    return [{"kind": step, "name": each, "ends": step == "grant" and not deciding} for step, each in steps]


async def _callable_tools(request: web.Request) -> web.Response:
    api = request.app[API]
    user = _known(api.users, "user", request.query["user"])
    keys = [key["name"] for key in api.keys.values() if key["user"] == user["name"]]
    tools = {
        tool["name"]: {
            "tool": tool["name"],
            "pattern": tool["pattern"],
            "mcp": mcp,
            "published_as": tool["published_as"],
            "tool_class": tool["tool_class"],
            "constrained": False,
            "keys": keys,
        }
        for mcp, offered in api.tools.items()
        for tool in offered
        if any(_permits(grant, user, "tool", tool["name"]) for grant in api.grants.values())
    }
    return await _page(request, tools)


async def _who_can(request: web.Request) -> web.Response:
    api = request.app[API]
    kind = next(kind for kind in KINDS if kind in request.query)
    name = request.query[kind]
    grants = api.grants.values()
    may = {
        user["name"]: user | {"constrained": False, "issuers": [], "expired_grant": None, "expired_at": None}
        for user in api.users.values()
        if any(_permits(each, user, kind, name) for each in grants)
    }
    return await _page(request, may)


async def _claims(request: web.Request) -> web.Response:
    issuers = request.app[API].issuers
    rows = {
        name: {"issuer": name, "claimed": "eng", "group": "developers", "constrained": False}
        for name in issuers
    }
    return await _page(request, rows)


def _permits(grant: Item, user: Item, kind: str, name: str) -> bool:
    """Tell whether a grant permits something; every resource is one of the MCP `git`."""
    is_silent = grant["resources"] is None and grant["prompts"] is None
    patterns = grant["tools"] if kind == "tool" or is_silent else grant[f"{kind}s"] or []
    mcp, _, own = ("git", "", name) if kind == "resource" else name.partition(".")
    covers = any(fnmatchcase(own, pattern) or fnmatchcase(name, pattern) for pattern in patterns)
    return (
        grant["mcp"] == mcp and (grant["group"] in user["groups"] or grant["user"] == user["name"]) and covers
    )


async def _verification(request: web.Request) -> web.Response:
    items = [] if request.query.get("from", "").startswith("2030") else request.app[API].findings
    return web.json_response({"items": items, "next_cursor": None, "total": None})


async def _prune(request: web.Request) -> web.Response:
    wanted = await _read(request, Pruning)
    whole = {"segments": 3, "first_seq": 1, "last_seq": 900, "head": "e" * 64}
    none = {"segments": 0, "first_seq": None, "last_seq": None, "head": None}
    gone = whole if wanted.segments else none
    return web.json_response({"before": AT, **gone, "indexed": 880 if wanted.index else 0})


async def _audit_files(request: web.Request) -> web.Response:
    items = [
        {"writer": writer, "name": name, "size": len(content), "closed": content is not _AUDIT_FILES[-1][-1]}
        for writer, name, content in _AUDIT_FILES
    ]
    return web.json_response({"items": items, "next_cursor": None, "total": None})


async def _audit_file(request: web.Request) -> web.Response:
    wanted = (request.match_info["writer"], request.match_info["name"])
    [content] = [content for *place, content in _AUDIT_FILES if tuple(place) == wanted]
    return web.Response(body=content[int(request.query["offset"]) : int(request.query["end"])])


async def _audit_keys(request: web.Request) -> web.Response:
    key = PublicKey.from_raw(b"A" * 32)
    items = [{"id": key.key_id, "signs": True, "pem": key.pem()}]
    return web.json_response({"items": items, "next_cursor": None, "total": None})


def _expiry(seconds: int | None) -> str | None:
    return None if seconds is None else f"2026-05-04T{12 + seconds // 3600:02}:00:00.000Z"
