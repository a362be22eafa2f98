"""Each reason for a denial, and the order in which the policy checks them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.catalog.mcps import McpStatus, ToolClass
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.groups import GroupStatus, Membership
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.snapshot import Moment
from ambassador_server.domain.policy.switches import SwitchScope
from tests.fakes.clock import START
from tests.server.worlds import (
    GRANT,
    GROUP,
    KEY,
    LOG_TOOL,
    MCP,
    NOW,
    PRINCIPAL,
    SUBSCRIPTION,
    USER,
    capability,
    snapshot,
    switch,
)

DENY_GRANT = replace(GRANT, grant_id="deny", effect=Effect.DENY, patterns=("git.l*",))
OPT_IN = replace(GRANT, delivery=Delivery.OPT_IN)


def test_a_grant_permits():
    assert decide(snapshot(), PRINCIPAL, LOG_TOOL, NOW) == Permit("permit")


@pytest.mark.parametrize(
    "changes",
    [
        {"grants": [OPT_IN], "subscriptions": [SUBSCRIPTION]},
        {"grants": [OPT_IN, GRANT]},
        {"subscriptions": [replace(SUBSCRIPTION, patterns=("git.l*",))]},
    ],
)
def test_a_tool_selected_by_the_client_is_permitted(changes: dict[str, Any]):
    assert isinstance(decide(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW), Permit)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"users": []}, Reason.UNKNOWN_USER),
        ({"users": [replace(USER, status=UserStatus.SUSPENDED)]}, Reason.USER_NOT_ACTIVE),
        ({"users": [replace(USER, status=UserStatus.DEACTIVATED)]}, Reason.USER_NOT_ACTIVE),
        ({"keys": []}, Reason.UNKNOWN_KEY),
        ({"keys": [replace(KEY, user_id="another-user")]}, Reason.UNKNOWN_KEY),
        ({"keys": [replace(KEY, status=KeyStatus.REVOKED)]}, Reason.KEY_NOT_ACTIVE),
        ({"keys": [replace(KEY, status=KeyStatus.SUSPENDED)]}, Reason.KEY_NOT_ACTIVE),
        ({"keys": [replace(KEY, expires_at=START)]}, Reason.KEY_EXPIRED),
        ({"mcps": []}, Reason.MCP_NOT_PUBLISHED),
        ({"mcps": [replace(MCP, status=McpStatus.DRAFT)]}, Reason.MCP_NOT_PUBLISHED),
        ({"mcps": [replace(MCP, status=McpStatus.ARCHIVED)]}, Reason.MCP_NOT_PUBLISHED),
        ({"grants": []}, Reason.NO_GRANT),
        ({"memberships": []}, Reason.NO_GRANT),
        ({"groups": [replace(GROUP, status=GroupStatus.SUSPENDED)]}, Reason.NO_GRANT),
        ({"grants": [replace(GRANT, expires_at=START)]}, Reason.NO_GRANT),
        ({"grants": [replace(GRANT, patterns=("git.status",))]}, Reason.NO_GRANT),
        ({"grants": [replace(GRANT, patterns=("GIT.LOG",))]}, Reason.NO_GRANT),
        ({"grants": [GRANT, DENY_GRANT]}, Reason.EXPLICIT_DENY),
        ({"grants": [DENY_GRANT, GRANT]}, Reason.EXPLICIT_DENY),
        ({"grants": [OPT_IN]}, Reason.NOT_SUBSCRIBED),
        ({"grants": [OPT_IN], "subscriptions": [replace(SUBSCRIPTION, key_id="k2")]}, Reason.NOT_SUBSCRIBED),
        ({"subscriptions": [replace(SUBSCRIPTION, patterns=("git.status",))]}, Reason.NOT_SELECTED),
        ({"subscriptions": [replace(SUBSCRIPTION, patterns=())]}, Reason.NOT_SELECTED),
        ({"grants": [], "subscriptions": [SUBSCRIPTION]}, Reason.NO_GRANT),
        ({"grants": [DENY_GRANT, GRANT], "subscriptions": [SUBSCRIPTION]}, Reason.EXPLICIT_DENY),
    ],
)
def test_each_reason_denies(changes: dict[str, Any], reason: Reason):
    decision = decide(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW)
    assert isinstance(decision, Deny)
    assert decision.reason is reason


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (SwitchScope.EVERYONE, None),
        (SwitchScope.USER, "u1"),
        (SwitchScope.GROUP, "g1"),
        (SwitchScope.KEY, "k1"),
        (SwitchScope.SESSION, "s1"),
        (SwitchScope.MCP, "m1"),
        (SwitchScope.TOOL, "git.log"),
        (SwitchScope.TOOL_CLASS, "read-only"),
    ],
)
def test_every_scope_of_kill_switch_denies_and_is_disclosed(scope: SwitchScope, target: str | None):
    kill = switch(scope, target)
    assert decide(snapshot(switches=[kill]), PRINCIPAL, LOG_TOOL, NOW) == Deny(
        Reason.KILL_SWITCH, switch=kill, disclosed=True
    )


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        (SwitchScope.USER, "u2"),
        (SwitchScope.GROUP, "g2"),
        (SwitchScope.KEY, "k2"),
        (SwitchScope.SESSION, "s2"),
        (SwitchScope.MCP, "m2"),
        (SwitchScope.TOOL, "git.lo"),
        (SwitchScope.TOOL_CLASS, "destructive"),
    ],
)
def test_a_kill_switch_on_another_target_denies_nothing(scope: SwitchScope, target: str):
    assert isinstance(decide(snapshot(switches=[switch(scope, target)]), PRINCIPAL, LOG_TOOL, NOW), Permit)


@pytest.mark.parametrize("changes", [{"drill": True}, {"lifted_at": START}, {"expires_at": START}])
def test_drills_and_lifted_and_expired_switches_deny_nothing(changes: dict[str, Any]):
    world = snapshot(switches=[switch(SwitchScope.EVERYONE, None, **changes)])
    assert isinstance(decide(world, PRINCIPAL, LOG_TOOL, NOW), Permit)


def test_a_switch_ends_at_its_expiry_without_a_new_snapshot():
    world = snapshot(switches=[switch(SwitchScope.MCP, "m1", expires_at=START + timedelta(seconds=1))])
    assert isinstance(decide(world, PRINCIPAL, LOG_TOOL, NOW), Deny)
    assert isinstance(decide(world, PRINCIPAL, LOG_TOOL, Moment(START + timedelta(seconds=1))), Permit)


def test_a_stale_policy_permits_nothing():
    decision = decide(snapshot(), PRINCIPAL, LOG_TOOL, Moment(START, stale=True))
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.POLICY_STALE


def test_a_kill_switch_does_not_disclose_a_tool_without_a_grant():
    world = snapshot(grants=[], switches=[switch(SwitchScope.EVERYONE, None)])
    decision = decide(world, PRINCIPAL, LOG_TOOL, NOW)
    assert isinstance(decision, Deny)
    assert not decision.disclosed


def test_a_suspended_group_still_denies():
    groups = [GROUP, replace(GROUP, group_id="g2", name="limited", status=GroupStatus.SUSPENDED)]
    memberships = [Membership(user_id="u1", group_id="g1"), Membership(user_id="u1", group_id="g2")]
    grants = [GRANT, replace(DENY_GRANT, group_id="g2")]
    world = snapshot(groups=groups, memberships=memberships, grants=grants)
    decision = decide(world, PRINCIPAL, LOG_TOOL, NOW)
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.EXPLICIT_DENY


def test_a_denied_tool_does_not_affect_other_tools():
    world = snapshot(grants=[GRANT, DENY_GRANT])
    assert isinstance(decide(world, PRINCIPAL, capability("m1", "git.status", ToolClass.WRITE), NOW), Permit)
