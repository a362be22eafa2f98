"""The users whom the impact of a switch counts are those who are permitted now and denied with the switch."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.groups import GroupStatus, Membership
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.token_principals import token_principal
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.decide import PrincipalPolicy, decide
from ambassador_server.domain.policy.decision import Permit
from ambassador_server.domain.policy.grants import Effect
from ambassador_server.domain.policy.impact import Activity, impact_of
from ambassador_server.domain.policy.switches import SwitchScope
from tests.conformance.store_samples import issuer
from tests.fakes.clock import START
from tests.server.worlds import GRANT, GROUP, KEY, MCP, NOW, SUBSCRIPTION, USER, capability, snapshot, switch

USERS, GROUPS, KEYS, MCPS = ["u1", "u2", "u3"], ["g1", "g2", "g3"], ["k1", "k2", "k3", "k4"], ["m1", "m2"]
GROUP_NAMES = {"g1": "g1", "g2": "of.g2", "g3": "g3"}
OWNER = {"k1": "u1", "k2": "u2", "k3": "u3", "k4": "u1"}
TOOLS = [
    capability("m1", "git.log", ToolClass.READ_ONLY),
    capability("m1", "git.push", ToolClass.DESTRUCTIVE),
    capability("m2", "wiki.read", ToolClass.READ_ONLY),
    capability("m2", "wiki.edit", ToolClass.WRITE),
]
OFFERED = [
    *TOOLS,
    CapabilityRef("m1", CapabilityKind.RESOURCE, "git.log"),
    CapabilityRef("m2", CapabilityKind.RESOURCE, "wiki://{page}"),
    CapabilityRef("m1", CapabilityKind.PROMPT, "git.log"),
]
TARGETS = {
    SwitchScope.EVERYONE: [None],
    SwitchScope.USER: USERS,
    SwitchScope.GROUP: GROUPS,
    SwitchScope.KEY: KEYS,
    SwitchScope.SESSION: [f"s-{key}" for key in KEYS],
    SwitchScope.MCP: MCPS,
    SwitchScope.TOOL: [tool.name for tool in TOOLS],
    SwitchScope.TOOL_CLASS: [kind.value for kind in ToolClass],
}
SWITCHES = st.sampled_from(list(TARGETS)).flatmap(
    lambda scope: st.builds(
        lambda target, drill, number: switch(scope, target, drill=drill, switch_id=f"{scope}-{number}"),
        st.sampled_from(TARGETS[scope]),
        st.booleans(),
        st.integers(0, 9),
    )
)
GRANTS = st.lists(
    st.builds(
        lambda subject, mcp, pattern, resources, effect: replace(
            GRANT,
            group_id=subject if subject in GROUPS else None,
            user_id=subject if subject in USERS else None,
            mcp_id=mcp,
            patterns=(pattern,),
            resources=resources,
            effect=effect,
        ),
        st.sampled_from([*GROUPS, *USERS]),
        st.sampled_from(MCPS),
        st.sampled_from(["*", "git.*", "git.log", "wiki.e*"]),
        st.sampled_from([None, None, (), ("*",), ("wiki:*",)]),
        st.sampled_from([Effect.PERMIT, Effect.PERMIT, Effect.DENY]),
    ),
    max_size=8,
)
ISSUER = issuer(issuer_id="00000000-0000-4000-8000-000000000001", group_prefix="of.", group_map={"map": "g1"})
CLIENTS = st.lists(
    st.builds(
        lambda user, groups: token_principal(
            ISSUER, replace(USER, user_id=user), groups=sorted(groups), expires_at=START + timedelta(hours=1)
        ),
        st.sampled_from(USERS),
        st.sets(st.sampled_from(["map", "g2", "unknown"])),
    ),
    max_size=3,
)
WORLDS = st.fixed_dictionaries(
    {
        "users": st.tuples(
            *(st.builds(replace, st.just(USER), user_id=st.just(each), status=st.sampled_from(UserStatus))
              for each in USERS)
        ),
        "groups": st.tuples(
            *(st.builds(replace, st.just(GROUP), group_id=st.just(each),
                        name=st.just(GROUP_NAMES[each]), status=st.sampled_from(GroupStatus))
              for each in GROUPS)
        ),
        "memberships": st.sets(
            st.builds(Membership, user_id=st.sampled_from(USERS), group_id=st.sampled_from(GROUPS)), max_size=9
        ).map(list),
        "keys": st.tuples(
            *(st.builds(replace, st.just(KEY), key_id=st.just(each), user_id=st.just(OWNER[each]),
                        status=st.sampled_from(KeyStatus))
              for each in KEYS)
        ),
        "issuers": st.just([ISSUER]),
        "mcps": st.just([replace(MCP, mcp_id=each) for each in MCPS]),
        "grants": GRANTS,
        "switches": st.lists(SWITCHES, max_size=2, unique_by=lambda each: each.switch_id),
        "subscriptions": st.lists(
            st.builds(
                lambda key, mcp, pattern: replace(
                    SUBSCRIPTION, key_id=key, mcp_id=mcp, patterns=(pattern,)
                ),
                st.sampled_from(KEYS),
                st.sampled_from(MCPS),
                st.sampled_from(["*", "git.log"]),
            ),
            max_size=2,
            unique_by=lambda each: (each.key_id, each.mcp_id),
        ),
    }
)  # fmt: skip


def person(key: str, session: str | None = None) -> Principal:
    return Principal(user_id=OWNER[key], user_name="", key_id=key, key_name="", session_id=session)


def session(key: str) -> Session:
    return Session(
        session_id=f"s-{key}", connection_id=f"c-{key}", user_id=OWNER[key], key_id=key, token_digest=b"",
        friendly_name="", host_tool="", created_at=START, expires_at=START, lifetime_ends_at=START,
        last_seen_at=START, ended_at=None, end_reason=None,
    )  # fmt: skip


@given(WORLDS, SWITCHES, CLIENTS, st.booleans())
def test_impact_counts_exactly_those_whom_the_switch_denies(world, added, clients, already):
    others = [each for each in world["switches"] if each.switch_id != added.switch_id]
    there = [*others, added] if already else others
    before = snapshot(**{**world, "switches": others})
    after = snapshot(**{**world, "switches": [*others, replace(added, drill=False)]})

    def loses(principal, tool):
        return isinstance(decide(before, principal, tool, NOW), Permit) and not isinstance(
            decide(after, principal, tool, NOW), Permit
        )

    sessions = [person(key, f"s-{key}") for key in KEYS]
    people = sessions if added.scope is SwitchScope.SESSION else [person(key) for key in KEYS]
    if added.scope not in (SwitchScope.SESSION, SwitchScope.KEY):
        people += clients
    calls = [(principal, tool) for principal in sessions for tool in OFFERED]
    found = impact_of(
        added,
        snapshot(**{**world, "switches": there}),
        Activity(
            capabilities=OFFERED, sessions=[session(key) for key in KEYS], token_clients=clients, calls=calls
        ),
        NOW,
    )
    hits = {(principal.user_id, tool) for principal in people for tool in OFFERED if loses(principal, tool)}
    assert found.user_ids == {user_id for user_id, _ in hits}
    assert set(found.capabilities) == {tool for _, tool in hits}
    assert found.calls == sum(loses(*call) for call in calls)
    stopped = {
        principal.session_id
        for principal in sessions
        if PrincipalPolicy(before, principal, NOW).stopped_by is None
        and PrincipalPolicy(after, principal, NOW).stopped_by is not None
        and before.keys[principal.key_id].is_good(START)
        and before.users[principal.user_id].status is UserStatus.ACTIVE
    }
    assert found.session_ids == stopped
    assert found.token_clients == sum(
        added.scope not in (SwitchScope.SESSION, SwitchScope.KEY)
        and PrincipalPolicy(before, client, NOW).stopped_by is None
        and PrincipalPolicy(after, client, NOW).stopped_by is not None
        for client in clients
    )
