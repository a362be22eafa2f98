"""Laws of the policy: the order of grants is irrelevant, a denial never widens, no match is a denial."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import Pin, ToolClass
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.grants import Delivery, Effect, Grant
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from tests.server.worlds import GRANT, MCP, NOW, PRINCIPAL, SUBSCRIPTION, capability, snapshot, switch

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
OTHER_KINDS = st.sampled_from([CapabilityKind.RESOURCE, CapabilityKind.PROMPT])
TOOLS = st.builds(lambda name, kind: capability("m1", name, kind), NAMES, st.sampled_from(ToolClass))
RESOURCES_AND_PROMPTS = st.builds(lambda name, kind: CapabilityRef("m1", kind, name), NAMES, OTHER_KINDS)
CAPABILITIES = TOOLS | RESOURCES_AND_PROMPTS


def permitted(
    grants: list[Grant], capability: CapabilityRef, switches: list[KillSwitch] | None = None
) -> bool:
    return isinstance(
        decide(snapshot(grants=grants, switches=switches or []), PRINCIPAL, capability, NOW), Permit
    )


@given(GRANTS, CAPABILITIES, st.randoms(use_true_random=False))
def test_order_of_grants_never_matters(grants, capability, random):
    shuffled = random.sample(grants, len(grants))
    assert permitted(grants, capability) == permitted(shuffled, capability)


@given(GRANTS, CAPABILITIES, PATTERNS)
def test_adding_a_denial_never_widens(grants, capability, pattern):
    denial = replace(GRANT, grant_id="extra", patterns=(pattern,), effect=Effect.DENY)
    if permitted([*grants, denial], capability):
        assert permitted(grants, capability)


@given(GRANTS, CAPABILITIES, st.lists(SWITCHES, max_size=3))
def test_adding_a_kill_switch_never_widens(grants, capability, switches):
    if permitted(grants, capability, switches):
        assert permitted(grants, capability)


@given(GRANTS, CAPABILITIES)
def test_a_permit_needs_an_active_permit_grant_and_no_deny_grant(grants, capability):
    covering = [grant for grant in grants if grant.covers(capability)]
    permits = any((each.effect, each.delivery) == (Effect.PERMIT, Delivery.AUTOMATIC) for each in covering)
    denies = any(each.effect is Effect.DENY for each in covering)
    assert permitted(grants, capability) == (permits and not denies)


@given(CAPABILITIES, st.text(max_size=40))
def test_nothing_matched_is_a_denial(capability, name):
    stranger = structs.replace(PRINCIPAL, user_id=name + "?", key_id=name)
    assert isinstance(decide(snapshot(), stranger, capability, NOW), Deny)


@given(GRANTS, st.lists(PATTERNS, max_size=3), CAPABILITIES)
def test_a_client_only_ever_narrows_what_its_subscription_opens(grants, patterns, capability):
    def ruling(**changes):
        return isinstance(decide(snapshot(grants=grants, **changes), PRINCIPAL, capability, NOW), Permit)

    chosen = replace(SUBSCRIPTION, patterns=tuple(patterns))
    assert ruling(subscriptions=[chosen]) <= ruling(subscriptions=[SUBSCRIPTION])


@given(RESOURCES_AND_PROMPTS, GRANTS)
def test_only_a_grant_of_a_whole_mcp_is_about_resources_and_prompts(capability, grants):
    whole = [each for each in grants if "*" in each.patterns]
    assert permitted(grants, capability) == permitted(whole, capability)


@given(TOOLS, OTHER_KINDS)
def test_a_switch_on_a_tool_or_a_class_stops_no_resource_or_prompt_of_that_name(tool, kind):
    everything = [replace(GRANT, patterns=("*",))]
    switches = [switch(SwitchScope.TOOL, tool.name), switch(SwitchScope.TOOL_CLASS, tool.tool_class.value)]
    assert not permitted(everything, tool, switches)
    assert permitted(everything, CapabilityRef("m1", kind, tool.name), switches)


@given(CAPABILITIES)
def test_a_switch_on_an_mcp_stops_every_kind(capability):
    everything = [replace(GRANT, patterns=("*",))]
    assert permitted(everything, capability)
    assert not permitted(everything, capability, [switch(SwitchScope.MCP, "m1")])


DIGESTS = st.sampled_from([None, "a" * 64, "b" * 64, "c" * 64])
APPROVED = st.none() | st.builds(
    lambda digests: ApprovedTools(mcp_id="m1", digests=digests, approved_at=NOW.now, approved_by="root"),
    st.dictionaries(st.sampled_from(["log", "push"]), st.sampled_from(["a" * 64, "b" * 64]), max_size=2),
)


@given(GRANTS, TOOLS, DIGESTS, APPROVED, st.lists(SWITCHES, max_size=2), st.sampled_from(Pin))
def test_a_pinned_tool_needs_an_approval_besides_everything_else(
    grants, tool, digest, approved, switches, pin
):
    """The pin denies what is permitted otherwise, and only that: it hides no other reason and permits nothing."""
    world = snapshot(
        mcps=[replace(MCP, pin=pin)],
        approved=[] if approved is None else [approved],
        grants=grants,
        switches=switches,
    )
    offered = replace(tool, digest=digest)
    unpinned = decide(snapshot(grants=grants, switches=switches), PRINCIPAL, tool, NOW)
    decision = decide(world, PRINCIPAL, offered, NOW)
    is_approved = approved is not None and digest in approved.digests.values()
    if pin is Pin.BLOCK and not is_approved and isinstance(unpinned, Permit):
        assert decision == Deny(Reason.DEFINITION_CHANGED, disclosed=True)
    else:
        assert decision == unpinned


@given(GRANTS, RESOURCES_AND_PROMPTS)
def test_a_pin_is_about_tools_alone(grants, capability):
    pinned = snapshot(mcps=[replace(MCP, pin=Pin.BLOCK)], grants=grants)
    assert decide(pinned, PRINCIPAL, capability, NOW) == decide(
        snapshot(grants=grants), PRINCIPAL, capability, NOW
    )
