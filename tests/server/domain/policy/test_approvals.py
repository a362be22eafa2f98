"""What a grant that demands an approval permits, beside other grants."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.groups import GroupStatus
from ambassador_server.domain.policy.approval_rules import ApprovalRule, check_valid
from ambassador_server.domain.policy.decide import PrincipalPolicy, decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.explain import explain
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant
from ambassador_server.errors import InvalidInputError
from ambassador_server.wording.explained_access import grant_text
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, LOG_TOOL, NOW, PRINCIPAL, SUBSCRIPTION, snapshot

RULE = ApprovalRule(600, "g1")
CAREFUL = replace(GRANT, grant_id="careful", approval_seconds=600, approvers="g1")
OPT_IN = replace(CAREFUL, delivery=Delivery.OPT_IN)


def reason(*grants: Grant, **changes: object) -> Reason | None:
    decision = decide(snapshot(grants=list(grants), **changes), PRINCIPAL, LOG_TOOL, NOW)
    return decision.reason if isinstance(decision, Deny) else None


def test_permit_says_which_approval_it_demands():
    assert decide(snapshot(grants=[CAREFUL]), PRINCIPAL, LOG_TOOL, NOW) == Permit("careful", approval=RULE)


@pytest.mark.parametrize("order", [1, -1])
def test_grant_without_approval_wins_in_any_order(order: int):
    grants = [CAREFUL, GRANT][::order]
    assert decide(snapshot(grants=grants), PRINCIPAL, LOG_TOOL, NOW) == Permit("permit")


def test_grant_that_permits_nothing_leaves_the_approval_to_the_other():
    for other in (
        replace(GRANT, patterns=("git.push",)),
        replace(GRANT, expires_at=START - timedelta(seconds=1)),
        replace(GRANT, delivery=Delivery.OPT_IN),
        replace(GRANT, group_id="g2"),
    ):
        decision = decide(snapshot(grants=[other, CAREFUL]), PRINCIPAL, LOG_TOOL, NOW)
        assert decision == Permit("careful", approval=RULE)


@pytest.mark.parametrize("kind", [CapabilityKind.PROMPT, CapabilityKind.RESOURCE])
def test_constraints_of_tools_take_no_approval_from_other_kinds(kind: CapabilityKind):
    grant = replace(CAREFUL, constraints='{"n":{"const":1}}')
    asked = CapabilityRef("m1", kind, "git.x")
    assert decide(snapshot(grants=[grant]), PRINCIPAL, asked, NOW) == Permit("careful", approval=RULE)


def test_everything_else_that_denies_a_grant_denies_this_one():
    assert reason(CAREFUL, replace(GRANT, grant_id="no", effect=Effect.DENY)) is Reason.EXPLICIT_DENY
    assert reason(OPT_IN) is Reason.NOT_SUBSCRIBED
    assert reason(OPT_IN, subscriptions=[SUBSCRIPTION]) is None
    assert reason(CAREFUL, subscriptions=[replace(SUBSCRIPTION, patterns=())]) is Reason.NOT_SELECTED
    assert reason(CAREFUL, groups=[replace(GROUP, status=GroupStatus.SUSPENDED)]) is Reason.NO_GRANT
    assert reason(replace(CAREFUL, expires_at=START)) is Reason.NO_GRANT


def test_delivery_counts_grants_that_demand_an_approval():
    policy = PrincipalPolicy(snapshot(grants=[CAREFUL]), PRINCIPAL, NOW)
    assert policy.delivery_of("m1") is Delivery.AUTOMATIC


def test_explanation_names_the_grant_and_its_approval():
    explanation = explain(snapshot(grants=[CAREFUL]), PRINCIPAL, LOG_TOOL, NOW)
    assert [rule.decides for rule in explanation.rules] == [True]
    assert grant_text(CAREFUL, "group developers", "approvers") == (
        "permit * to group developers, after the approval of a member of group approvers, good for 10 minutes"
    )
    assert "the approval of an administrator" in grant_text(replace(CAREFUL, approvers=None), "group x")


@pytest.mark.parametrize("seconds", [-1, 0, 9, 7 * 86400 + 1])
def test_validity_out_of_bounds_is_refused(seconds: int):
    with pytest.raises(InvalidInputError, match="10 seconds to 7 days"):
        check_valid(seconds)
