"""Small policy snapshots: one user with one key in one group, one published MCP, and the additions of a test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ambassador_server.definition_digest import definition_digest
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Mcp, McpStatus, Pin, Tool, ToolClass
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.people.groups import Group, GroupStatus, Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.grants import Effect, Grant, Subscription
from ambassador_server.domain.policy.incremental_index import collect
from ambassador_server.domain.policy.snapshot import Moment, PolicyRows, Snapshot
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from tests.fakes.clock import START

USER = User(
    user_id="u1",
    name="alice",
    display_name="Alice",
    email=None,
    status=UserStatus.ACTIVE,
    created_at=START,
    updated_at=START,
)
KEY = ClientKey(
    key_id="k1",
    user_id="u1",
    name="laptop",
    prefix="abcdefgh",
    digest=b"d" * 32,
    status=KeyStatus.ACTIVE,
    created_at=START,
    expires_at=None,
    last_used_at=None,
    last_host=None,
)
GROUP = Group(
    group_id="g1",
    name="developers",
    description="",
    status=GroupStatus.ACTIVE,
    created_at=START,
    updated_at=START,
)
MCP = Mcp(
    mcp_id="m1",
    name="git",
    display_name="Git",
    description="",
    transport="stdio",
    options={"command": ["git-server"]},
    tags=(),
    status=McpStatus.PUBLISHED,
    arguments=ArgumentPolicy.REDACTED,
    call_timeout_seconds=5.0,
    created_at=START,
    updated_at=START,
    pin=Pin.OFF,
)
GRANT = Grant(
    grant_id="permit",
    group_id="g1",
    mcp_id="m1",
    patterns=("*",),
    effect=Effect.PERMIT,
    expires_at=None,
    created_at=START,
    created_by="root",
)
SUBSCRIPTION = Subscription(
    subscription_id="choice",
    key_id="k1",
    mcp_id="m1",
    patterns=("*",),
    created_at=START,
    created_by="alice",
)
PRINCIPAL = Principal(user_id="u1", user_name="alice", key_id="k1", key_name="laptop", session_id="s1")
NOW = Moment(START)


def tool(name: str, tool_class: ToolClass = ToolClass.READ_ONLY) -> Tool:
    definition = f'{{"name":"{name}","inputSchema":{{"type":"object"}}}}'.encode()
    return Tool(
        name=name,
        description=f"Does {name}",
        tool_class=tool_class,
        definition=definition,
        digest=definition_digest(definition),
    )


def capability(mcp_id: str, name: str, tool_class: ToolClass = ToolClass.READ_ONLY) -> CapabilityRef:
    """Return the reference of a tool by its canonical name."""
    return CapabilityRef(mcp_id, CapabilityKind.TOOL, name, tool_class)


LOG_TOOL = capability("m1", "git.log")


def switch(scope: SwitchScope, target: str | None, **changes: Any) -> KillSwitch:
    plain = KillSwitch(
        switch_id=f"switch-{scope}",
        scope=scope,
        target=target,
        target_name=target,
        reason="incident 7",
        message=None,
        author="root",
        drill=False,
        created_at=START,
        expires_at=None,
        lifted_at=None,
        lifted_by=None,
    )
    return replace(plain, **changes)


def snapshot(**changes: Any) -> Snapshot:
    """Return a snapshot in which alice may call every tool of git, with some parts replaced."""
    parts: dict[str, Any] = {
        "users": [USER],
        "groups": [GROUP],
        "memberships": [Membership(user_id="u1", group_id="g1")],
        "keys": [KEY],
        "mcps": [MCP],
        "grants": [GRANT],
        "switches": [],
        "subscriptions": [],
    }
    parts |= changes
    return Snapshot.build(1, PolicyRows(**{**parts, "memberships": by_user(parts["memberships"])}))


def by_user(memberships: Iterable[Membership]) -> Mapping[str, Sequence[str]]:
    """Return the ids of the groups of each user that is in one."""
    return collect((membership.user_id, membership.group_id) for membership in memberships)
