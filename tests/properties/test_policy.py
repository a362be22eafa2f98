"""Laws of the policy: order never matters, a denial never widens, silence denies."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.policy.decide import ToolRef, decide
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from tests.server.worlds import GRANT, NOW, PRINCIPAL, SUBSCRIPTION, snapshot, switch

NAMES = st.sampled_from(["git.log", "git.status", "git.push", "git.l", "git."])
PATTERNS = st.sampled_from(["*", "git.*", "git.l*", "git.log", "*log", "git.*s", "git.push", "other.*"])
GRANTS = st.lists(
    st.builds(
        lambda patterns, effect, delivery, number: replace(
            GRANT, grant_id=f"grant-{number}", patterns=tuple(patterns), effect=effect, delivery=delivery
        ),
        st.lists(PATTERNS, min_size=1, max_size=3),
        st.sampled_from(Effect),
        st.sampled_from(Delivery),
        st.integers(0, 99),
    ),
    max_size=6,
)
SWITCHES = st.sampled_from(
    [
        switch(SwitchScope.EVERYONE, None),
        switch(SwitchScope.USER, "u1"),
        switch(SwitchScope.MCP, "m1"),
        switch(SwitchScope.TOOL, "git.log"),
        switch(SwitchScope.TOOL_CLASS, "write"),
    ]
)
TOOLS = st.builds(lambda name, kind: ToolRef("m1", name, kind), NAMES, st.sampled_from(ToolClass))


def permitted(grants: list[Grant], tool: ToolRef, switches: list[KillSwitch] | None = None) -> bool:
    return isinstance(decide(snapshot(grants=grants, switches=switches or []), PRINCIPAL, tool, NOW), Permit)


@given(GRANTS, TOOLS, st.randoms(use_true_random=False))
def test_order_of_grants_never_matters(grants, tool, random):
    shuffled = random.sample(grants, len(grants))
    assert permitted(grants, tool) == permitted(shuffled, tool)


@given(GRANTS, TOOLS, PATTERNS)
def test_adding_a_denial_never_widens(grants, tool, pattern):
    denial = replace(GRANT, grant_id="extra", patterns=(pattern,), effect=Effect.DENY)
    if permitted([*grants, denial], tool):
        assert permitted(grants, tool)


@given(GRANTS, TOOLS, st.lists(SWITCHES, max_size=3))
def test_adding_a_kill_switch_never_widens(grants, tool, switches):
    if permitted(grants, tool, switches):
        assert permitted(grants, tool)


@given(GRANTS, TOOLS)
def test_a_permit_needs_a_permitting_grant_that_waits_for_nothing_and_no_denying_one(grants, tool):
    covering = [grant for grant in grants if grant.covers(tool.canonical)]
    permits = any((each.effect, each.delivery) == (Effect.PERMIT, Delivery.AUTOMATIC) for each in covering)
    denies = any(each.effect is Effect.DENY for each in covering)
    assert permitted(grants, tool) == (permits and not denies)


@given(TOOLS, st.text(max_size=40))
def test_nothing_matched_is_a_denial(tool, name):
    stranger = replace(PRINCIPAL, user_id=name + "?", key_id=name)
    assert isinstance(decide(snapshot(), stranger, tool, NOW), Deny)


@given(GRANTS, st.lists(PATTERNS, max_size=3), TOOLS)
def test_a_client_only_ever_narrows_what_its_subscription_opens(grants, patterns, tool):
    def ruling(**changes):
        return isinstance(decide(snapshot(grants=grants, **changes), PRINCIPAL, tool, NOW), Permit)

    chosen = replace(SUBSCRIPTION, patterns=tuple(patterns))
    assert ruling(subscriptions=[chosen]) <= ruling(subscriptions=[SUBSCRIPTION])
