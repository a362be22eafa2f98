"""How an explained decision reads, and the command that changes it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.explain import Explanation, NotApplicable, explain
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.wording.explained_access import (
    grant_text,
    remedy_text,
    subscription_text,
    switch_text,
    why_not_text,
)
from tests.server.worlds import GRANT, LOG_TOOL, MCP, NOW, PRINCIPAL, SUBSCRIPTION, USER, snapshot, switch


def remedy(explanation: Explanation, capability: CapabilityRef = LOG_TOOL) -> str | None:
    """Return the remedy for a request of alice."""
    return remedy_text(explanation, capability, mcp_name="git", user_name="alice", key_id="k1")


def test_a_permitted_call_needs_no_remedy():
    assert remedy(explain(snapshot(), PRINCIPAL, LOG_TOOL, NOW)) is None


@pytest.mark.parametrize(
    ("changes", "command"),
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
def test_a_refused_call_says_what_would_change_it(changes: dict[str, Any], command: str):
    text = remedy(explain(snapshot(**changes), PRINCIPAL, LOG_TOOL, NOW))
    assert text is not None
    assert f"ambassador-admin {command}" in text


def test_the_remedy_names_the_grant_that_expired_last():
    expired = [
        replace(GRANT, grant_id="first", expires_at=NOW.now - timedelta(hours=1)),
        replace(GRANT, grant_id="last", expires_at=NOW.now),
        replace(GRANT, grant_id="other", expires_at=NOW.now, patterns=("git.s*",)),
        replace(GRANT, grant_id="denial", expires_at=NOW.now, effect=Effect.DENY),
    ]
    text = remedy(explain(snapshot(grants=expired), PRINCIPAL, LOG_TOOL, NOW))
    assert text is not None
    assert text.startswith(
        "Grant last expired at 2026-01-01 00:00:00Z. Permit it: ambassador-admin grant add"
    )
    assert (
        grant_text(expired[1], "group developers")
        == "permit * to group developers, until 2026-01-01 00:00:00Z"
    )


@pytest.mark.parametrize(
    ("capability", "command"),
    [
        (CapabilityRef("m1", CapabilityKind.RESOURCE, "file:///a b*"), "--resource file:///a%20b%2A"),
        (CapabilityRef("m1", CapabilityKind.PROMPT, "git.review"), "--prompt review"),
        (CapabilityRef("m1", CapabilityKind.TOOL, "git.é"), "--tool %C3%A9"),
    ],
)
def test_the_remedy_names_what_the_request_is_about(capability: CapabilityRef, command: str):
    granted = remedy(explain(snapshot(grants=[]), PRINCIPAL, capability, NOW), capability)
    assert granted is not None
    assert f"grant add GROUP git {command}, for a group" in granted
    chosen = replace(SUBSCRIPTION, patterns=("git.s*",), resources=("file:///c",), prompts=())
    selected = remedy(explain(snapshot(subscriptions=[chosen]), PRINCIPAL, capability, NOW), capability)
    assert selected is not None
    assert f"subscription set k1 git {command} --tool 'git.s*' --resource file:///c" in selected


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy_without_gaps(reason: Reason):
    text = remedy(Explanation(decision=Deny(reason), rules=()))
    assert text
    assert "{" not in text


def test_every_reason_why_a_rule_does_not_apply_has_a_text():
    texts = {reason: why_not_text(reason, CapabilityKind.PROMPT) for reason in NotApplicable}
    assert all(texts.values())
    assert texts[NotApplicable.NO_PATTERN_MATCHES] == "no pattern matches the prompt"


def test_a_grant_reads_as_what_it_permits_to_which_group():
    assert grant_text(GRANT, "group developers") == "permit * to group developers"
    opt_in = replace(GRANT, delivery=Delivery.OPT_IN)
    assert grant_text(opt_in, "group developers") == "permit * to group developers to clients that subscribe"


def test_a_grant_reads_as_what_it_names_of_each_kind():
    def says(**named: tuple[str, ...]) -> str:
        return grant_text(replace(GRANT, **named), "group developers")

    assert says(patterns=(), resources=("file:///*",), prompts=("git.a", "git.b")) == (
        "permit resources file:///*, prompts git.a, git.b to group developers"
    )
    assert says(patterns=("git.l*",), resources=("x",), prompts=()) == (
        "permit git.l*, resources x to group developers"
    )
    assert says(resources=(), prompts=()) == "permit * of the tools to group developers"


def test_a_kill_switch_reads_as_what_it_stops():
    assert switch_text(replace(switch(SwitchScope.EVERYONE, None), reason="fire")) == "stop everyone: fire"
    stopped = replace(switch(SwitchScope.TOOL_CLASS, "write"), reason="fire", target_name=None)
    assert switch_text(stopped) == "stop tool class write: fire"


def test_a_subscription_reads_as_what_the_client_selected():
    chosen = replace(SUBSCRIPTION, patterns=("git.s*", "git.tag"))
    assert subscription_text(chosen, "laptop") == "key laptop selects git.s*, git.tag"
    assert subscription_text(replace(chosen, patterns=()), "laptop") == "key laptop selects nothing"
