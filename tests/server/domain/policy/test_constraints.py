"""Grants with constraints: which of several permits a call, and what explains the decision."""

from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.argument_rules.json_schema import JsonSchemaRules
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.policy.argument_checks import ArgumentFault, CallParams, RefusedArgument
from ambassador_server.domain.policy.decide import PrincipalPolicy, decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.explain import NotApplicable, explain
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant
from ambassador_server.domain.policy.snapshot import PolicyChanges, Snapshot
from tests.server.worlds import GRANT, LOG_TOOL, NOW, PRINCIPAL, SUBSCRIPTION, snapshot

RULES = JsonSchemaRules()
ACME = RULES.canonical({"repo": {"pattern": "^acme/"}})
OTHER = RULES.canonical({"repo": {"pattern": "^other/"}})
CONSTRAINED = replace(GRANT, grant_id="acme", constraints=ACME)


def world(*grants: Grant, **changes: Any) -> Snapshot:
    plain = snapshot(grants=[], **changes)
    changed = PolicyChanges(grants={grant.grant_id: grant for grant in grants})
    return replace(plain, compile_check=RULES.compiled).updated(2, changed)


def params(repo: str) -> CallParams:
    return CallParams({"arguments": b'{"repo":"%b"}' % repo.encode()})


def test_a_constrained_grant_permits_what_meets_it_and_names_what_does_not() -> None:
    policy = world(CONSTRAINED)
    assert decide(policy, PRINCIPAL, LOG_TOOL, NOW, params("acme/x")) == Permit("acme", constrained=True)
    broken = RefusedArgument(ArgumentFault.AGAINST_RULE, "repo", 'pattern "^acme/"')
    assert decide(policy, PRINCIPAL, LOG_TOOL, NOW, params("evil/x")) == Deny(
        Reason.ARGUMENT_NOT_ALLOWED, grant_id="acme", disclosed=True, refused=broken
    )
    missing = decide(policy, PRINCIPAL, LOG_TOOL, NOW, CallParams({}))
    assert isinstance(missing, Deny)
    assert missing.refused == RefusedArgument(ArgumentFault.MISSING, "repo")


def test_a_list_shows_a_tool_that_only_constrained_grants_permit() -> None:
    assert decide(world(CONSTRAINED), PRINCIPAL, LOG_TOOL, NOW) == Permit("acme", constrained=True)


@pytest.mark.parametrize("repo", ["acme/x", "evil/x"])
def test_an_unconstrained_grant_permits_any_arguments(repo: str) -> None:
    policy = world(CONSTRAINED, GRANT)
    assert decide(policy, PRINCIPAL, LOG_TOOL, NOW, params(repo)) == Permit("permit")


def test_one_of_several_constrained_grants_is_enough() -> None:
    policy = world(CONSTRAINED, replace(CONSTRAINED, grant_id="other", constraints=OTHER))
    for repo, grant_id in (("acme/x", "acme"), ("other/x", "other")):
        assert decide(policy, PRINCIPAL, LOG_TOOL, NOW, params(repo)) == Permit(grant_id, constrained=True)
    refused = decide(policy, PRINCIPAL, LOG_TOOL, NOW, params("evil/x"))
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.ARGUMENT_NOT_ALLOWED


def test_constraints_are_about_tools_only() -> None:
    whole = replace(CONSTRAINED, patterns=("*",))
    for kind in (CapabilityKind.PROMPT, CapabilityKind.RESOURCE):
        asked = CapabilityRef("m1", kind, "git.any")
        assert decide(world(whole), PRINCIPAL, asked, NOW, CallParams({})) == Permit("acme")


def test_denials_come_before_constraints_and_selections_after_them() -> None:
    deny = replace(GRANT, grant_id="deny", effect=Effect.DENY)
    assert decide(world(CONSTRAINED, deny), PRINCIPAL, LOG_TOOL, NOW, params("acme/x")) == Deny(
        Reason.EXPLICIT_DENY, grant_id="deny"
    )
    narrowed = world(CONSTRAINED, subscriptions=[replace(SUBSCRIPTION, patterns=("git.tag",))])
    for repo, reason in (("acme/x", Reason.NOT_SELECTED), ("evil/x", Reason.ARGUMENT_NOT_ALLOWED)):
        refused = decide(narrowed, PRINCIPAL, LOG_TOOL, NOW, params(repo))
        assert isinstance(refused, Deny)
        assert refused.reason is reason


def test_a_constrained_opt_in_grant_waits_for_the_subscription() -> None:
    policy = world(replace(CONSTRAINED, delivery=Delivery.OPT_IN))
    refused = decide(policy, PRINCIPAL, LOG_TOOL, NOW, params("evil/x"))
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.NOT_SUBSCRIBED
    assert PrincipalPolicy(policy, PRINCIPAL, NOW).delivery_of("m1") is Delivery.OPT_IN


def test_a_snapshot_that_cannot_compile_constraints_permits_no_call() -> None:
    policy = snapshot(grants=[CONSTRAINED])
    refused = decide(policy, PRINCIPAL, LOG_TOOL, NOW, params("acme/x"))
    assert isinstance(refused, Deny)
    assert refused.refused == RefusedArgument(ArgumentFault.RULE_UNUSABLE)


def test_removed_constraints_are_gone_with_the_next_version() -> None:
    policy = world(CONSTRAINED)
    free = policy.updated(3, PolicyChanges(grants={"acme": replace(CONSTRAINED, constraints=None)}))
    assert not free.checks
    assert decide(free, PRINCIPAL, LOG_TOOL, NOW, params("evil/x")) == Permit("acme")


def test_an_explanation_with_arguments_says_which_grant_does_not_permit_them() -> None:
    other = replace(CONSTRAINED, grant_id="other", constraints=OTHER)
    explained = explain(world(CONSTRAINED, other), PRINCIPAL, LOG_TOOL, NOW, params("other/x"))
    assert explained.decision == Permit("other", constrained=True)
    found = {each.rule.grant_id: each for each in explained.rules if isinstance(each.rule, Grant)}
    assert found["acme"].not_applicable is NotApplicable.ARGUMENTS_NOT_PERMITTED
    assert (found["other"].not_applicable, found["other"].decides) == (None, True)
