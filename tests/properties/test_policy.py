"""Laws of the policy: the order of grants is irrelevant, a denial never widens, no match is a denial."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import Pin, ToolClass
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.explain import last_expired_permit
from ambassador_server.domain.policy.grants import CapabilityPatterns, Delivery, Effect, Grant
from ambassador_server.domain.policy.snapshot import Moment
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from tests.server.worlds import GRANT, GROUP, MCP, NOW, PRINCIPAL, SUBSCRIPTION, capability, snapshot, switch

NAMES = st.sampled_from(["git.log", "git.status", "git.push", "git.l", "git."])
URIS = st.sampled_from(["file:///a", "file:///a*", "file:///ä", "repo://{owner}/{path*}", "git.log"])
URI_PATTERNS = st.sampled_from(
    ["*", "file:///*", "file:///a", "file:///a%2A", "*://*", "repo://*", "git.log"]
)
PATTERNS = st.sampled_from(["*", "git.*", "git.l*", "git.log", "*log", "git.*s", "git.push", "other.*"])
NAMED = st.fixed_dictionaries(
    {
        "patterns": st.lists(PATTERNS, max_size=3).map(tuple),
        "resources": st.none() | st.lists(URI_PATTERNS, max_size=2).map(tuple),
        "prompts": st.none() | st.lists(PATTERNS, max_size=2).map(tuple),
    }
)
"""What a grant or a subscription names."""
GRANTS = st.lists(
    st.builds(
        lambda named, effect, delivery, number: replace(
            GRANT, grant_id=f"grant-{number}", effect=effect, delivery=delivery, **named
        ),
        NAMED,
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
PROMPTS = st.builds(lambda name: CapabilityRef("m1", CapabilityKind.PROMPT, name), NAMES)
RESOURCES = st.builds(lambda uri: CapabilityRef("m1", CapabilityKind.RESOURCE, uri), URIS)
RESOURCES_AND_PROMPTS = RESOURCES | PROMPTS
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


@given(GRANTS, CAPABILITIES, NAMED)
def test_adding_a_denial_never_widens(grants, capability, named):
    denial = replace(GRANT, grant_id="extra", effect=Effect.DENY, **named)
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


@given(GRANTS, NAMED, CAPABILITIES)
def test_a_client_only_ever_narrows_what_its_subscription_opens(grants, named, capability):
    def ruling(**changes):
        return isinstance(decide(snapshot(grants=grants, **changes), PRINCIPAL, capability, NOW), Permit)

    chosen = replace(SUBSCRIPTION, **named)
    assert ruling(subscriptions=[chosen]) <= ruling(subscriptions=[SUBSCRIPTION])


@given(RESOURCES_AND_PROMPTS, GRANTS)
def test_only_a_grant_of_a_whole_mcp_or_one_that_names_them_is_about_resources_and_prompts(
    capability, grants
):
    kind = "resources" if capability.kind is CapabilityKind.RESOURCE else "prompts"
    about = [
        each
        for each in grants
        if getattr(each, kind) or ("*" in each.patterns and each.resources is None and each.prompts is None)
    ]
    assert permitted(grants, capability) == permitted(about, capability)


@given(NAMED, CAPABILITIES)
def test_the_patterns_of_a_kind_are_about_that_kind_alone(named, capability):
    """A grant that says something of each kind is, for a capability, the patterns of its kind."""
    said = {kind: patterns or () for kind, patterns in named.items()}
    mine = {"tool": "patterns", "resource": "resources", "prompt": "prompts"}[capability.kind]
    alone = {**dict.fromkeys(said, ()), mine: said[mine]}
    assert replace(GRANT, **said).covers(capability) == replace(GRANT, **alone).covers(capability)
    assert replace(GRANT, **said).covers(capability) == replace(SUBSCRIPTION, **alone).selects(capability)


@given(NAMED, CAPABILITIES)
def test_patterns_mean_the_same_in_the_form_in_which_they_are_stored(named, capability):
    def own(patterns):
        return None if patterns is None else tuple(each for each in patterns if each[:4] in {"*", "git."})

    written = CapabilityPatterns(own(named["patterns"]), named["resources"], own(named["prompts"]))
    stored = written.normalised("git")
    assert stored.normalised("git") == stored
    assert stored.include(capability) == written.include(capability)


@given(NAMED, st.sampled_from(CapabilityKind), CAPABILITIES)
def test_what_includes_all_of_a_kind_includes_each_of_it(named, kind, capability):
    patterns = replace(GRANT, **named).named
    if patterns.include_all(kind, "git") and capability.kind is kind:
        assert patterns.include(capability)


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


ENDS = st.none() | st.integers(-3, 3).map(lambda hours: NOW.now + timedelta(hours=hours))
MOMENTS = st.integers(-4, 4).map(lambda hours: Moment(NOW.now + timedelta(hours=hours)))


def with_ends(grants: list[Grant], ends: list[datetime | None]) -> list[Grant]:
    return [replace(grant, expires_at=end) for grant, end in zip(grants, cycle(ends), strict=False)]


@given(GRANTS, st.lists(ENDS, min_size=1), CAPABILITIES, MOMENTS)
def test_an_expired_grant_counts_as_if_it_were_removed(grants, ends, capability, moment):
    """Whatever its effect: an expired denial denies nothing, so that what others permit is permitted again."""
    ending = with_ends(grants, ends)
    left = [grant for grant in ending if grant.expires_at is None or grant.expires_at > moment.now]
    decision = decide(snapshot(grants=ending), PRINCIPAL, capability, moment)
    assert decision == decide(snapshot(grants=left), PRINCIPAL, capability, moment)
    lasting = [replace(grant, expires_at=None) for grant in left]
    assert decision == decide(snapshot(grants=lasting), PRINCIPAL, capability, moment)


@given(GRANTS, st.lists(ENDS, min_size=1), CAPABILITIES, MOMENTS, MOMENTS)
def test_time_changes_a_decision_only_when_something_expires(grants, ends, capability, one, other):
    ending = with_ends(grants, ends)
    first, last = sorted((one.now, other.now))
    between = [each for each in ending if each.expires_at is not None and first < each.expires_at <= last]
    world = snapshot(grants=ending)
    if not between:
        assert decide(world, PRINCIPAL, capability, one) == decide(world, PRINCIPAL, capability, other)


@given(GRANTS, st.lists(ENDS, min_size=1), CAPABILITIES, MOMENTS)
def test_of_expired_permits_the_last_one_is_named(grants, ends, capability, moment):
    # A database keeps one grant of an id.
    ending = list({each.grant_id: each for each in with_ends(grants, ends)}.values())
    found = last_expired_permit(snapshot(grants=ending), PRINCIPAL.user_id, [capability], moment.now)
    over = [
        each.expires_at
        for each in ending
        if each.has_expired(moment.now) and each.effect is Effect.PERMIT and each.covers(capability)
    ]
    assert (None if found is None else found.expires_at) == max(over, default=None)


SUBJECTS = st.sampled_from(["u1", "u2", "g1", "g2"])


@given(GRANTS, st.lists(SUBJECTS, min_size=1), CAPABILITIES)
def test_a_grant_for_a_user_counts_like_one_for_a_group_that_has_this_user_alone(
    grants, subjects, capability
):
    """It permits and denies as much, and nothing to others."""
    given_to = list(zip(grants, cycle(subjects), strict=False))
    own = [
        replace(grant, group_id=None, user_id=subject)
        if subject[0] == "u"
        else replace(grant, group_id=subject)
        for grant, subject in given_to
    ]
    of_one = [
        replace(grant, group_id=f"of {subject}" if subject[0] == "u" else subject)
        for grant, subject in given_to
    ]
    groups = [replace(GROUP, group_id=each) for each in ("g1", "of u1", "of u2")]
    memberships = [Membership(user_id="u1", group_id=each) for each in ("g1", "of u1")]
    alone = snapshot(grants=of_one, groups=groups, memberships=memberships)
    decision = decide(snapshot(grants=own), PRINCIPAL, capability, NOW)
    expected = decide(alone, PRINCIPAL, capability, NOW)
    assert isinstance(decision, Permit) == isinstance(expected, Permit)
    assert getattr(decision, "reason", None) == getattr(expected, "reason", None)


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
