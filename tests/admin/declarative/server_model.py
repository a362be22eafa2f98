"""A model of the server: applies operations, evaluates the real policy, and draws random states and files."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from ambassador_admin.declarative.objects import (
    CurrentObject,
    DesiredObject,
    DesiredState,
    GrantKey,
    Key,
    ObjectKind,
)
from ambassador_admin.declarative.operations import Action, Operation
from ambassador_admin.declarative.patterns import canonical_patterns
from ambassador_admin.declarative.yaml_tree import FilePosition
from ambassador_protocol.admin.issuer_presets import DEFAULTS
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import McpStatus, ToolClass
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.token_principals import naming_fault, token_principal
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.incremental_index import collect
from ambassador_server.domain.policy.snapshot import Moment, PolicyRows, Snapshot
from tests.conformance.store_samples import issuer
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, KEY, MCP, USER, capability

NOW = START
OURS = "ci/ours"
THEIRS = "ci/theirs"
POSITION = FilePosition("file.yaml", 1)
USERS, GROUPS, MCPS, TOOLS = ("ann", "ben"), ("red", "blue", "grey"), ("git", "web"), ("read", "write")
CLAIMED = ("eng", "ops")
RESOURCE = "memo://1"
ISSUERS = {"sso": "00000000-0000-4000-8000-000000000001", "id": "00000000-0000-4000-8000-000000000002"}
PAST, SOON, LATER = ("2020-01-01T00:00:00.000Z", "2040-01-01T00:00:00.000Z", "2050-01-01T00:00:00.000Z")

Access = frozenset[tuple[str, str, str]]

_DEFAULTS: dict[ObjectKind, dict[str, Any]] = {
    ObjectKind.USER: {
        "display_name": "",
        "email": "",
        "status": "active",
        "source": "local",
        "meta_tools": "off",
    },
    ObjectKind.GROUP: {"description": "", "status": "active"},
    ObjectKind.MCP: {"transport": "stdio", "options": {}, "description": "", "published": False},
    ObjectKind.MEMBERSHIP: {},
    ObjectKind.GRANT: {"expires_at": None, "constraints": None, "approval": None},
    ObjectKind.KEY: {},
    ObjectKind.ISSUER: {**DEFAULTS, "url": "https://issuer", "audiences": ["us"], "group_prefix": "of."},
}


def apply(state: Iterable[CurrentObject], operations: Iterable[Operation]) -> list[CurrentObject]:
    """Return the state after these operations."""
    now = list(state)
    for operation in operations:
        match operation.action:
            case Action.CREATE:
                attributes = {**_DEFAULTS[operation.kind], **operation.after}
                assert not any((each.kind, each.key) == (operation.kind, operation.key) for each in now)
                now.append(
                    CurrentObject(
                        kind=operation.kind,
                        key=operation.key,
                        attributes=attributes,
                        owner=operation.owner,
                        item_id=f"{operation.kind}-{operation.key}",
                    )
                )
            case Action.CHANGE:
                now = [_changed(each, operation) if _matches(each, operation) else each for each in now]
            case Action.REMOVE:
                now = _without(now, operation)
    return now


def access(state: Iterable[CurrentObject], now: datetime = START) -> Access:
    """Return user, MCP and tool or URI of everything that the server's policy permits, with keys and with tokens."""
    found = list(state)
    snapshot = Snapshot.build(1, _rows(found))
    principals = {key.user_id: _principal(key.user_id, key.key_id) for key in snapshot.keys.values()}
    principals |= _with_tokens(snapshot, now)
    return frozenset(
        (who, mcp, offered.name)
        for who, principal in principals.items()
        for mcp in MCPS
        for offered in _offered(mcp)
        if isinstance(decide(snapshot, principal, offered, Moment(now)), Permit)
    )


def _with_tokens(snapshot: Snapshot, now: datetime) -> dict[str, Principal]:
    issuers = () if snapshot.issuers is None else snapshot.issuers.by_id.values()
    ends = now + timedelta(hours=1)
    return {
        f"{user.name} as {claimed} of {each.name}": token_principal(
            each, user, expires_at=ends, groups=(claimed,)
        )
        for each in issuers
        for user in snapshot.users.values()
        if naming_fault(each, user) is None
        for claimed in ("none", *CLAIMED)
    }


def _principal(user: str, key: str) -> Principal:
    return Principal(user_id=user, user_name=user, key_id=key, key_name=key, session_id=None)


def _offered(mcp: str) -> list[CapabilityRef]:
    tools = [capability(mcp, f"{mcp}.{tool}", ToolClass.WRITE) for tool in TOOLS]
    return [*tools, CapabilityRef(mcp, CapabilityKind.RESOURCE, RESOURCE)]


def _matches(each: CurrentObject, operation: Operation) -> bool:
    return (each.kind, each.key) == (operation.kind, operation.key) and operation.item_id in (
        None,
        each.item_id,
    )


def _changed(each: CurrentObject, operation: Operation) -> CurrentObject:
    after = dict(operation.after)
    owner = after.pop("owner", each.owner)
    assert after.keys() <= each.attributes.keys()
    return replace(each, attributes={**each.attributes, **after}, owner=owner)


def _without(state: list[CurrentObject], operation: Operation) -> list[CurrentObject]:
    """Deactivate users, archive MCPs, delete the rest; a group is deleted with its memberships and grants."""
    ends = {ObjectKind.USER: {"status": "deactivated"}, ObjectKind.MCP: {"published": False}}.get(
        operation.kind
    )
    if ends is not None:
        return [
            replace(each, attributes={**each.attributes, **ends}) if _matches(each, operation) else each
            for each in state
        ]
    left = [each for each in state if not _matches(each, operation)]
    assert len(left) == len(state) - 1
    if operation.kind is ObjectKind.GROUP:
        return [
            each
            for each in left
            if each.kind not in (ObjectKind.MEMBERSHIP, ObjectKind.GRANT) or each.key[0] != operation.key[0]
        ]
    return left


def _rows(state: list[CurrentObject]) -> PolicyRows:
    def of(kind: ObjectKind) -> list[CurrentObject]:
        return [each for each in state if each.kind is kind]

    return PolicyRows(
        users=[
            replace(
                USER,
                user_id=each.key[0],
                name=each.key[0],
                status=UserStatus(each.attributes["status"]),
                source=AuthSource(each.attributes["source"]),
            )
            for each in of(ObjectKind.USER)
        ],
        groups=[
            replace(
                GROUP, group_id=each.key[0], name=each.key[0], status=GroupStatus(each.attributes["status"])
            )
            for each in of(ObjectKind.GROUP)
        ],
        memberships=collect((each.key[1], each.key[0]) for each in of(ObjectKind.MEMBERSHIP)),
        keys=[
            replace(KEY, key_id=f"{each.key}", user_id=each.key[0], name=each.key[1])
            for each in of(ObjectKind.KEY)
        ],
        mcps=[
            replace(
                MCP,
                mcp_id=each.key[0],
                name=each.key[0],
                status=McpStatus.PUBLISHED if each.attributes["published"] else McpStatus.DRAFT,
            )
            for each in of(ObjectKind.MCP)
        ],
        issuers=[_issuer(each) for each in of(ObjectKind.ISSUER)],
        grants=[_grant(each) for each in of(ObjectKind.GRANT)],
    )


def _issuer(each: CurrentObject) -> Any:
    name, mapped = each.key[0], each.attributes["group_map"]
    return issuer(
        issuer_id=ISSUERS[name], name=name, url=f"https://{name}", group_prefix=f"{name}.", group_map=mapped
    )


def _grant(each: CurrentObject) -> Any:
    grant, ends = GrantKey.of(each.key), each.attributes["expires_at"]
    return replace(
        GRANT,
        grant_id=str(each.item_id),
        group_id=grant.group,
        mcp_id=grant.mcp,
        patterns=grant.tools,
        resources=grant.resources,
        prompts=grant.prompts,
        effect=Effect(grant.effect),
        delivery=Delivery(grant.delivery),
        expires_at=None if ends is None else datetime.fromisoformat(ends),
    )


_KEYS: dict[ObjectKind, list[Key]] = {
    ObjectKind.USER: [(name,) for name in USERS],
    ObjectKind.GROUP: [(name,) for name in GROUPS],
    ObjectKind.MCP: [(name,) for name in MCPS],
    ObjectKind.ISSUER: [(name,) for name in ISSUERS],
    ObjectKind.KEY: [(name, "laptop") for name in USERS],
    ObjectKind.MEMBERSHIP: [(group, user) for group in GROUPS for user in USERS],
    ObjectKind.GRANT: [
        GrantKey(group=group, mcp=mcp, effect=effect, delivery="automatic", **named._asdict()).key
        for group in GROUPS
        for mcp in MCPS
        for effect in ("permit", "deny")
        for named in (
            canonical_patterns(["read"], None, None, mcp),
            canonical_patterns(["read", "write"], None, None, mcp),
            canonical_patterns(None, ["memo://*"], None, mcp),
            canonical_patterns(None, None, None, mcp),
        )
    ],
}
_LIKELY: dict[ObjectKind, float] = {ObjectKind.MEMBERSHIP: 0.5, ObjectKind.GRANT: 0.15}
_STATUS = ["active", "active", "active", "suspended"]


def _attributes(kind: ObjectKind, random: Random, known: set[tuple[ObjectKind, Key]]) -> dict[str, Any]:
    match kind:
        case ObjectKind.USER:
            return {"status": random.choice(_STATUS), "source": random.choice(["external", "local"])}
        case ObjectKind.GROUP:
            return {"status": random.choice(_STATUS)}
        case ObjectKind.MCP:
            return {"transport": "stdio", "options": {}, "published": random.random() < 0.8}
        case ObjectKind.GRANT:
            ends = random.choice([None, None, None, None, PAST, SOON, LATER])
            return {"expires_at": ends, "constraints": None, "approval": None}
        case ObjectKind.ISSUER:
            groups = [name for name in GROUPS if (ObjectKind.GROUP, (name,)) in known]
            group_map = {each: random.choice(groups) for each in CLAIMED if groups and random.random() < 0.7}
            return {**_DEFAULTS[kind], "group_map": group_map, "creates_users": random.random() < 0.5}
        case _:
            return {}


def draw_state(random: Random) -> list[CurrentObject]:
    """Draw the objects of a server; most of them are active, so that plans have permissions to remove."""
    state: list[CurrentObject] = []
    for kind, keys in _KEYS.items():
        for key in keys:
            known = {(each.kind, each.key) for each in state}
            if random.random() < _LIKELY.get(kind, 0.9) and _references_exist(kind, key, known):
                attributes = {**_DEFAULTS[kind], **_attributes(kind, random, known)}
                owner = random.choice([OURS, OURS, OURS, OURS, None, THEIRS])
                state.append(
                    CurrentObject(
                        kind=kind, key=key, attributes=attributes, owner=owner, item_id=f"{kind}-{key}"
                    )
                )
    return state


def draw_desired_state(random: Random, current: list[CurrentObject]) -> DesiredState:
    """Draw the desired state of a file; it does not name objects of other owners."""
    theirs = {(each.kind, each.key) for each in current if each.owner == THEIRS}
    known = {(each.kind, each.key) for each in current}
    wanted: list[DesiredObject] = []
    for kind, keys in _KEYS.items():
        for key in keys:
            likely = random.random() < _LIKELY.get(kind, 0.8)
            if likely and (kind, key) not in theirs and _references_exist(kind, key, known):
                known.add((kind, key))
                attributes = _attributes(kind, random, known)
                wanted.append(
                    DesiredObject(kind=kind, key=key, attributes=attributes, owner=OURS, position=POSITION)
                )
    return DesiredState(tuple(wanted), frozenset({OURS}))


def _references_exist(kind: ObjectKind, key: Key, known: set[tuple[ObjectKind, Key]]) -> bool:
    needs = {
        ObjectKind.MEMBERSHIP: [(ObjectKind.GROUP, key[:1]), (ObjectKind.USER, key[1:])],
        ObjectKind.GRANT: [(ObjectKind.GROUP, key[:1]), (ObjectKind.MCP, key[1:2])],
        ObjectKind.KEY: [(ObjectKind.USER, key[:1])],
    }.get(kind, [])
    return all(each in known for each in needs)
