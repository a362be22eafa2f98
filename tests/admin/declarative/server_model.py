"""A server in memory that does what operations say, judged by the real policy; and worlds to plan between."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from ambassador_admin.declarative.objects import Desired, Found, GrantKey, Key, Kind, Wanted
from ambassador_admin.declarative.operations import Action, Operation
from ambassador_admin.declarative.yaml_tree import Place
from ambassador_server.domain.catalog.capabilities import CapabilityRef, tool_ref
from ambassador_server.domain.catalog.mcps import McpStatus, ToolClass
from ambassador_server.domain.people.groups import GroupStatus, Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.snapshot import Moment, PolicyRows, Snapshot
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, KEY, MCP, USER

NOW = START
OURS = "ci/ours"
THEIRS = "ci/theirs"
HERE = Place("file.yaml", 1)
USERS, GROUPS, MCPS, TOOLS = ("ann", "ben"), ("red", "blue", "grey"), ("git", "web"), ("read", "write")
PAST, SOON, LATER = ("2020-01-01T00:00:00.000Z", "2040-01-01T00:00:00.000Z", "2050-01-01T00:00:00.000Z")

Access = frozenset[tuple[str, str, str]]

_DEFAULTS: dict[Kind, dict[str, Any]] = {
    Kind.USER: {"display_name": "", "email": "", "status": "active", "source": "local"},
    Kind.GROUP: {"description": "", "status": "active"},
    Kind.MCP: {"transport": "stdio", "options": {}, "description": "", "published": False},
    Kind.MEMBERSHIP: {},
    Kind.GRANT: {"expires_at": None},
    Kind.KEY: {},
}


def done(state: Iterable[Found], operations: Iterable[Operation]) -> list[Found]:
    """Return the state after these operations."""
    now = list(state)
    for operation in operations:
        match operation.action:
            case Action.CREATE:
                facts = {**_DEFAULTS[operation.kind], **operation.after}
                assert not any((each.kind, each.key) == (operation.kind, operation.key) for each in now)
                now.append(
                    Found(
                        kind=operation.kind,
                        key=operation.key,
                        facts=facts,
                        owner=operation.owner,
                        item_id=f"{operation.kind}-{operation.key}",
                    )
                )
            case Action.CHANGE:
                now = [_changed(each, operation) if _is_meant(each, operation) else each for each in now]
            case Action.REMOVE:
                now = _without(now, operation)
    return now


def access(state: Iterable[Found], now: datetime = START) -> Access:
    """Return who may call which tool, as the server's own policy says."""
    found = list(state)
    snapshot = Snapshot.build(1, _rows(found))
    return frozenset(
        (key.user_id, mcp, tool)
        for key in snapshot.keys.values()
        for mcp in MCPS
        for tool in TOOLS
        if isinstance(
            decide(snapshot, _principal(key.user_id, key.key_id), _tool(mcp, tool), Moment(now)), Permit
        )
    )


def _principal(user: str, key: str) -> Principal:
    return Principal(user_id=user, user_name=user, key_id=key, key_name=key, session_id=None)


def _tool(mcp: str, tool: str) -> CapabilityRef:
    return tool_ref(mcp, f"{mcp}.{tool}", ToolClass.WRITE)


def _is_meant(each: Found, operation: Operation) -> bool:
    return (each.kind, each.key) == (operation.kind, operation.key) and operation.item_id in (
        None,
        each.item_id,
    )


def _changed(each: Found, operation: Operation) -> Found:
    after = dict(operation.after)
    owner = after.pop("owner", each.owner)
    assert after.keys() <= each.facts.keys()
    return replace(each, facts={**each.facts, **after}, owner=owner)


def _without(state: list[Found], operation: Operation) -> list[Found]:
    """Users are deactivated, MCPs archived; a group takes with it what it holds."""
    ends = {Kind.USER: {"status": "deactivated"}, Kind.MCP: {"published": False}}.get(operation.kind)
    if ends is not None:
        return [
            replace(each, facts={**each.facts, **ends}) if _is_meant(each, operation) else each
            for each in state
        ]
    left = [each for each in state if not _is_meant(each, operation)]
    assert len(left) == len(state) - 1
    if operation.kind is Kind.GROUP:
        return [
            each
            for each in left
            if each.kind not in (Kind.MEMBERSHIP, Kind.GRANT) or each.key[0] != operation.key[0]
        ]
    return left


def _rows(state: list[Found]) -> PolicyRows:
    def of(kind: Kind) -> list[Found]:
        return [each for each in state if each.kind is kind]

    return PolicyRows(
        users=[
            replace(USER, user_id=each.key[0], name=each.key[0], status=UserStatus(each.facts["status"]))
            for each in of(Kind.USER)
        ],
        groups=[
            replace(GROUP, group_id=each.key[0], name=each.key[0], status=GroupStatus(each.facts["status"]))
            for each in of(Kind.GROUP)
        ],
        memberships=[Membership(user_id=each.key[1], group_id=each.key[0]) for each in of(Kind.MEMBERSHIP)],
        keys=[
            replace(KEY, key_id=f"{each.key}", user_id=each.key[0], name=each.key[1]) for each in of(Kind.KEY)
        ],
        mcps=[
            replace(
                MCP,
                mcp_id=each.key[0],
                name=each.key[0],
                status=McpStatus.PUBLISHED if each.facts["published"] else McpStatus.DRAFT,
            )
            for each in of(Kind.MCP)
        ],
        grants=[_grant(each) for each in of(Kind.GRANT)],
    )


def _grant(each: Found) -> Any:
    said, ends = GrantKey.of(each.key), each.facts["expires_at"]
    return replace(
        GRANT,
        grant_id=str(each.item_id),
        group_id=said.group,
        mcp_id=said.mcp,
        patterns=said.tools,
        effect=Effect(said.effect),
        delivery=Delivery(said.delivery),
        expires_at=None if ends is None else datetime.fromisoformat(ends),
    )


_KEYS: dict[Kind, list[Key]] = {
    Kind.USER: [(name,) for name in USERS],
    Kind.GROUP: [(name,) for name in GROUPS],
    Kind.MCP: [(name,) for name in MCPS],
    Kind.KEY: [(name, "laptop") for name in USERS],
    Kind.MEMBERSHIP: [(group, user) for group in GROUPS for user in USERS],
    Kind.GRANT: [
        GrantKey(group=group, mcp=mcp, effect=effect, delivery="automatic", tools=tools).key
        for group in GROUPS
        for mcp in MCPS
        for effect in ("permit", "deny")
        for tools in ((f"{mcp}.read",), (f"{mcp}.read", f"{mcp}.write"))
    ],
}
_LIKELY: dict[Kind, float] = {Kind.MEMBERSHIP: 0.5, Kind.GRANT: 0.2}
_STATUS = ["active", "active", "active", "suspended"]


def _facts(kind: Kind, random: Random) -> dict[str, Any]:
    match kind:
        case Kind.USER | Kind.GROUP:
            return {"status": random.choice(_STATUS)}
        case Kind.MCP:
            return {"transport": "stdio", "options": {}, "published": random.random() < 0.8}
        case Kind.GRANT:
            return {"expires_at": random.choice([None, None, None, None, PAST, SOON, LATER])}
        case _:
            return {}


def draw_state(random: Random) -> list[Found]:
    """Draw what a server may hold; most of it is in force, so that there is something to take away."""
    state: list[Found] = []
    for kind, keys in _KEYS.items():
        for key in keys:
            known = {(each.kind, each.key) for each in state}
            if random.random() < _LIKELY.get(kind, 0.9) and _has_what_it_needs(kind, key, known):
                facts = {**_DEFAULTS[kind], **_facts(kind, random)}
                owner = random.choice([OURS, OURS, OURS, OURS, None, THEIRS])
                state.append(Found(kind=kind, key=key, facts=facts, owner=owner, item_id=f"{kind}-{key}"))
    return state


def draw_declaration(random: Random, current: list[Found]) -> Desired:
    """Draw what a file of ours may say of this server; what is others' it leaves alone."""
    theirs = {(each.kind, each.key) for each in current if each.owner == THEIRS}
    known = {(each.kind, each.key) for each in current}
    wanted: list[Wanted] = []
    for kind, keys in _KEYS.items():
        for key in keys:
            likely = random.random() < _LIKELY.get(kind, 0.8)
            if likely and (kind, key) not in theirs and _has_what_it_needs(kind, key, known):
                known.add((kind, key))
                facts = _facts(kind, random)
                wanted.append(Wanted(kind=kind, key=key, facts=facts, owner=OURS, place=HERE))
    return Desired(tuple(wanted), frozenset({OURS}))


def _has_what_it_needs(kind: Kind, key: Key, known: set[tuple[Kind, Key]]) -> bool:
    needs = {
        Kind.MEMBERSHIP: [(Kind.GROUP, key[:1]), (Kind.USER, key[1:])],
        Kind.GRANT: [(Kind.GROUP, key[:1]), (Kind.MCP, key[1:2])],
        Kind.KEY: [(Kind.USER, key[:1])],
    }.get(kind, [])
    return all(each in known for each in needs)
