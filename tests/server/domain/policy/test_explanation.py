"""An explanation says what the policy says, names the rule that decided, and what would change it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.policy.explanation import explain
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from tests.properties.test_policy import GRANTS, SWITCHES, TOOLS
from tests.server.worlds import (
    GRANT,
    GROUP,
    LOG_TOOL,
    MCP,
    NOW,
    PRINCIPAL,
    SUBSCRIPTION,
    USER,
    snapshot,
    switch,
)


def test_a_permitted_call_names_its_grant_and_needs_no_remedy():
    explanation = explain(snapshot(), PRINCIPAL, LOG_TOOL, NOW)
    assert explanation.decision == Permit("permit")
    assert explanation.remedy is None
    assert [(rule.id, rule.decides, rule.applies) for rule in explanation.rules] == [("permit", True, True)]


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"users": [replace(USER, status=UserStatus.SUSPENDED)]}, "user activate alice"),
        ({"grants": []}, "grant add GROUP git --tool log"),
        ({"grants": [replace(GRANT, delivery=Delivery.OPT_IN)]}, "subscription set k1 git"),
        ({"subscriptions": [replace(SUBSCRIPTION, patterns=())]}, "subscription set k1 git --tool log"),
        (
            {"subscriptions": [replace(SUBSCRIPTION, patterns=("git.s*", "git.tag"))]},
            "subscription set k1 git --tool log --tool 'git.s*' --tool git.tag",
        ),
        ({"mcps": [replace(MCP, status="draft")]}, "mcp publish git"),
        ({"switches": [switch(SwitchScope.MCP, "m1")]}, "kill lift switch-mcp"),
        ({"grants": [GRANT, replace(GRANT, grant_id="no", effect=Effect.DENY)]}, "grant remove no"),
    ],
)
def test_a_refused_call_says_what_would_change_it(changes: dict[str, Any], remedy: str):
    explanation = explain(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW)
    assert remedy in (explanation.remedy or "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"memberships": []}, "the user is not in the group"),
        ({"groups": [replace(GROUP, status=GroupStatus.SUSPENDED)]}, "the group is suspended"),
        ({"grants": [replace(GRANT, expires_at=NOW.now)]}, "it has expired"),
        ({"grants": [replace(GRANT, patterns=("git.status",))]}, "no pattern matches the tool"),
    ],
)
def test_a_silent_grant_says_why(changes: dict[str, Any], why: str):
    rule = explain(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW).rules[0]
    assert (rule.applies, rule.why) == (False, why)


def test_a_grant_to_opt_in_to_says_so():
    opt_in = replace(GRANT, delivery=Delivery.OPT_IN)
    (rule,) = explain(snapshot(grants=[opt_in]), PRINCIPAL, LOG_TOOL, NOW).rules
    assert (rule.decides, rule.says) == (True, "permit * to group developers to clients that subscribe")


@given(GRANTS, TOOLS, SWITCHES)
def test_the_explanation_never_differs_from_the_policy(grants, tool, kill):
    world = snapshot(grants=grants, switches=[kill])
    explanation = explain(world, PRINCIPAL, tool, NOW)
    assert explanation.decision == decide(world, PRINCIPAL, tool, NOW)
    deciding = [rule.id for rule in explanation.rules if rule.decides]
    match explanation.decision:
        case Permit(grant_id):
            assert grant_id in deciding
        case Deny(_, switch_of_denial, grant_id):
            expected = grant_id if switch_of_denial is None else switch_of_denial.switch_id
            assert expected is None or expected in deciding
