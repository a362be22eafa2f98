"""An explanation holds the decision of the policy and every rule, with the one that decided."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.policy.explain import ConsideredRule, NotApplicable, explain
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from tests.properties.test_policy import GRANTS, SWITCHES, TOOLS
from tests.server.worlds import (
    GRANT,
    GROUP,
    LOG_TOOL,
    NOW,
    PRINCIPAL,
    SUBSCRIPTION,
    snapshot,
    switch,
)


def test_a_permitted_call_names_its_grant():
    explanation = explain(snapshot(), PRINCIPAL, LOG_TOOL, NOW)
    assert explanation.decision == Permit("permit")
    assert explanation.rules == (ConsideredRule(rule=GRANT, decides=True),)


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({"memberships": []}, NotApplicable.USER_NOT_IN_GROUP),
        ({"groups": [replace(GROUP, status=GroupStatus.SUSPENDED)]}, NotApplicable.GROUP_SUSPENDED),
        ({"grants": [replace(GRANT, expires_at=NOW.now)]}, NotApplicable.GRANT_EXPIRED),
        ({"grants": [replace(GRANT, patterns=("git.status",))]}, NotApplicable.NO_PATTERN_MATCHES),
        (
            {"grants": [replace(GRANT, patterns=("git.status",), expires_at=NOW.now)]},
            NotApplicable.NO_PATTERN_MATCHES,
        ),
    ],
)
def test_a_grant_that_does_not_apply_says_why(changes: dict[str, Any], why_not: NotApplicable):
    (considered,) = explain(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW).rules
    assert considered == ConsideredRule(
        rule=changes.get("grants", [GRANT])[0], not_applicable=why_not, decides=False
    )


def test_a_grant_for_the_user_is_a_rule_and_one_for_another_user_is_none():
    own = replace(GRANT, grant_id="own", group_id=None, user_id="u1")
    other = replace(GRANT, grant_id="other", group_id=None, user_id="u2")
    explanation = explain(snapshot(grants=[own, other], memberships=[]), PRINCIPAL, LOG_TOOL, NOW)
    assert explanation.decision == Permit("own")
    assert explanation.rules == (ConsideredRule(rule=own, decides=True),)


def test_a_kill_switch_that_does_not_apply_says_why():
    mcp, tool = switch(SwitchScope.MCP, "m1"), switch(SwitchScope.TOOL, LOG_TOOL.name)
    other = switch(SwitchScope.MCP, "m2")
    old = replace(switch(SwitchScope.USER, "u1"), expires_at=NOW.now)
    assert _why_not(other, old) == {
        other: NotApplicable.SWITCH_STOPS_SOMETHING_ELSE,
        old: NotApplicable.SWITCH_EXPIRED,
    }
    assert _why_not(mcp, tool) == {mcp: None, tool: NotApplicable.ANOTHER_SWITCH_DECIDES}


def _why_not(*switches: KillSwitch) -> dict[KillSwitch, NotApplicable | None]:
    rules = explain(snapshot(switches=list(switches)), PRINCIPAL, LOG_TOOL, NOW).rules
    return {each.rule: each.not_applicable for each in rules if isinstance(each.rule, KillSwitch)}


def test_what_a_client_has_selected_is_a_rule_that_can_decide():
    narrow = replace(SUBSCRIPTION, patterns=("git.s*",))
    rules = explain(snapshot(subscriptions=[narrow]), PRINCIPAL, LOG_TOOL, NOW).rules
    assert rules[-1] == ConsideredRule(rule=narrow, decides=True)


@given(GRANTS, TOOLS, SWITCHES)
def test_the_explanation_never_differs_from_the_policy(grants, tool, kill):
    world = snapshot(grants=grants, switches=[kill])
    explanation = explain(world, PRINCIPAL, tool, NOW)
    assert explanation.decision == decide(world, PRINCIPAL, tool, NOW)
    deciding = [each.rule for each in explanation.rules if each.decides]
    match explanation.decision:
        case Permit(grant_id):
            assert grant_id in _grant_ids(deciding)
        case Deny(_, None, grant_id):
            assert grant_id is None or grant_id in _grant_ids(deciding)
        case Deny(_, switch_of_denial, _):
            assert switch_of_denial in deciding


def _grant_ids(rules: list[KillSwitch | Grant | Subscription]) -> list[str]:
    return [rule.grant_id for rule in rules if isinstance(rule, Grant)]
