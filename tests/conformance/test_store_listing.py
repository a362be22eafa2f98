"""Lists of every store: pages of the matching objects, in order, each object once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import Isolation, McpStatus
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.users import User, UserStatus
from ambassador_server.domain.policy.approval_requests import RequestKind, RequestStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.limits import LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.globs import glob_matches
from ambassador_server.domain.shared.listing import Condition, Listing, Position, Slice
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.store import Store, UnitOfWork
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    admin_key,
    client_key,
    credential,
    enrolment,
    grant,
    group,
    issuer,
    limit,
    mcp,
    password,
    request,
    session,
    subscription,
    switch,
    user,
)
from tests.effort import examples
from tests.patience import PATIENCE

SECOND = timedelta(seconds=1)

LISTS: dict[str, tuple[set[str], set[str]]] = {
    "users": (
        {"name", "display_name", "email", "status", "source", "issuer", "subject", "role", "group", "owner"}
        | {"meta_tools"},
        {"name", "display_name", "email", "status", "source", "issuer", "subject", "owner", "meta_tools"}
        | {"created_at"},
    ),
    "groups": ({"name", "status", "member", "owner"}, {"name", "status", "owner", "created_at"}),
    "mcps": (
        {"name", "transport", "status", "tag", "isolation", "broadcast", "owner"},
        {"name", "transport", "status", "isolation", "broadcast", "owner", "created_at"},
    ),
    "grants": (
        {"group", "user", "mcp", "effect", "delivery", "owner"},
        {"group", "user", "mcp", "effect", "delivery", "owner", "created_at"},
    ),
    "keys": (
        {"user", "name", "prefix", "status", "owner", "meta_tools"},
        {
            "user",
            "name",
            "prefix",
            "status",
            "owner",
            "meta_tools",
            "created_at",
            "expires_at",
            "last_used_at",
        },
    ),
    "enrolments": (
        {"user", "name", "created_by"},
        {"user", "name", "created_by", "created_at", "expires_at"},
    ),
    "subscriptions": (
        {"user", "key", "key_id", "mcp"},
        {"user", "key", "key_id", "mcp", "created_at"},
    ),
    "switches": (
        {"scope", "target", "author", "active", "drill"},
        {"scope", "target", "author", "active", "drill", "created_at"},
    ),
    "issuers": ({"name", "url", "owner"}, {"name", "url", "owner", "created_at"}),
    "limits": (
        {"name", "scope", "target", "measure", "owner"},
        {"name", "scope", "target", "measure", "owner", "created_at"},
    ),
    "admin_keys": ({"name", "user", "role"}, {"name", "user", "created_at", "expires_at"}),
    "sessions": (
        {"user", "key", "host_tool", "friendly_name"},
        {"user", "key", "host_tool", "friendly_name", "created_at", "last_seen_at"},
    ),
    "passwords": (set(), set()),
    "requests": (
        {"user", "mcp", "status", "kind", "capability", "approvers_id", "user_id"},
        {"user", "mcp", "status", "kind", "capability", "approvers_id", "user_id", "created_at"},
    ),
    "credentials": (
        {"user", "mcp", "status", "issuer"},
        {"user", "mcp", "status", "issuer", "created_at", "updated_at"},
    ),
}


def listing(*conditions: str, sort: str | None = None, **changes: Any) -> Listing:
    """Return the listing for these conditions."""
    parsed = tuple(Condition.parse(each) for each in conditions)
    descending = sort is not None and sort.startswith("-")
    name = None if sort is None else sort.removeprefix("-")
    return Listing(conditions=parsed, sort=name, descending=descending, **changes)


async def page(store: Store, kind: str, wanted: Listing) -> Slice[Any]:
    """Return one page of a store."""
    async with store.read() as work:
        found: Slice[Any] = await getattr(work, kind).page(wanted)
        return found


async def ids(store: Store, kind: str, *conditions: str, **changes: Any) -> list[str]:
    """Return the ids of the matching objects, and check the total against them."""
    found = await page(store, kind, listing(*conditions, **changes))
    assert found.following is None
    assert found.total == len(found.items)
    return [getattr(item, _ID[kind]) for item in found.items]


_ID = {
    "users": "user_id",
    "groups": "group_id",
    "mcps": "mcp_id",
    "grants": "grant_id",
    "keys": "key_id",
    "enrolments": "enrolment_id",
    "subscriptions": "subscription_id",
    "switches": "switch_id",
    "issuers": "issuer_id",
    "limits": "limit_id",
    "admin_keys": "admin_key_id",
    "sessions": "session_id",
    "passwords": "user_id",
    "requests": "request_id",
    "credentials": "credential_id",
}


@pytest.fixture
async def stocked(store: Store) -> Store:
    """Return a store with two or three different objects of each kind."""
    async with store.write() as work:
        await add_owners(work)
        await work.users.add(
            user(2, display_name="", email="Two@x", status=UserStatus.SUSPENDED, roles=(Role.AUDITOR,))
        )
        await work.users.add(user(3, owner="file", created_at=NOW - HOUR))
        await work.groups.add(group(2, owner="file"))
        await work.memberships.add(Membership(user_id="u1", group_id="g1"))
        await work.memberships.add(Membership(user_id="u1", group_id="g2"))
        await work.memberships.add(Membership(user_id="u2", group_id="g2"))
        await work.mcps.add(
            mcp(
                2,
                tags=('x","y', "[a]", "ä"),
                status=McpStatus.DRAFT,
                isolation=Isolation.PER_USER,
                transport="streamable_http",
            )
        )
        await work.mcps.add(mcp(3, tags=()))
        await _stock_dependent_objects(work)
    return store


async def _stock_dependent_objects(work: UnitOfWork) -> None:
    await work.keys.add(
        client_key(2, user_id="u2", status=KeyStatus.REVOKED, expires_at=NOW, created_at=NOW + SECOND)
    )
    await work.enrolments.add(enrolment(1))
    await work.enrolments.add(enrolment(2, user_id="u2", created_at=NOW + SECOND))
    await work.enrolments.add(enrolment(3, redeemed_at=NOW))
    await work.enrolments.add(enrolment(4, expires_at=NOW))
    await work.grants.add(grant(1))
    await work.grants.add(
        grant(2, mcp_id="m2", effect=Effect.DENY, delivery=Delivery.OPT_IN, created_at=NOW - SECOND)
    )
    await work.grants.add(grant(3, group_id="g2"))
    await work.subscriptions.add(subscription(1))
    await work.subscriptions.add(subscription(2, key_id="k2", mcp_id="m2"))
    await work.credentials.add(credential(1, status=CredentialStatus.DEAD, issuer="https://issuer"))
    await work.credentials.add(credential(2, user_id="u2", created_at=NOW + SECOND))
    await work.requests.add(request(1))
    await work.requests.add(
        request(2, user_id="u2", kind=RequestKind.ACCESS, capability=None, created_at=NOW + SECOND)
    )
    await work.requests.add(request(3, approvers="g1", status=RequestStatus.USED, expires_at=None))
    await work.requests.add(request(4, status=RequestStatus.APPROVED, expires_at=NOW))
    await work.switches.add(switch(1, lifted_at=NOW))
    await work.switches.add(switch(2, scope=SwitchScope.MCP, target="m1", target_name="mcp-1"))
    await work.switches.add(switch(3, expires_at=NOW + HOUR, author="other", drill=True))
    await work.issuers.add(issuer(1))
    await work.issuers.add(issuer(2, owner="file"))
    await work.limits.add(limit(1))
    await work.limits.add(
        limit(
            2, scope=LimitScope.MCP, target="m1", target_name="mcp-1", measure=Measure.IN_FLIGHT, owner="file"
        )
    )
    await work.admin_keys.add(admin_key(1))
    await work.admin_keys.add(admin_key(2, user_id="u2", roles=(), expires_at=NOW))
    await work.sessions.add(session(1))
    await work.sessions.add(session(2, user_id="u2", key_id="k2", host_tool="vi", created_at=NOW + SECOND))
    await work.sessions.add(session(3, ended_at=NOW, end_reason="disconnected"))
    await work.sessions.add(session(4, expires_at=NOW))
    await work.passwords.add(password(1))
    await work.passwords.add(password(2))


ANSWERS: list[tuple[str, list[str], list[str]]] = [
    ("requests", ["user=user-2"], ["q2"]),
    ("requests", ["user_id=u1", "status=pending"], ["q1"]),
    ("requests", ["kind=access"], ["q2"]),
    ("requests", ["capability="], ["q2"]),
    ("requests", ["approvers_id=g1"], ["q3"]),
    ("users", ["name=user-2"], ["u2"]),
    ("users", ["name!=user-2"], ["u1", "u3"]),
    ("users", ["name~user-*"], ["u1", "u2", "u3"]),
    ("users", ["name~USER-*"], []),
    ("users", ["name~user-1"], ["u1"]),
    ("users", ["name~user_*"], []),
    ("users", ["name~user%"], []),
    ("users", ["name~[u]ser-*"], []),
    ("users", ["name=' OR 1=1 --"], []),
    ("users", ["display_name="], ["u2"]),
    ("users", ["email=Two@x"], ["u2"]),
    ("users", ["email!=Two@x"], ["u1", "u3"]),
    ("users", ["email="], ["u1", "u3"]),
    ("users", ["email!="], ["u2"]),
    ("users", ["email~*"], ["u1", "u2", "u3"]),
    ("users", ["email~*@*"], ["u2"]),
    ("users", ["status=active"], ["u1", "u3"]),
    ("users", ["status!=active"], ["u2"]),
    ("users", ["status~*spend*"], ["u2"]),
    ("users", ["source=local"], ["u1", "u2", "u3"]),
    ("users", ["role=auditor"], ["u2"]),
    ("users", ["role!=auditor"], ["u1", "u3"]),
    ("users", ["role="], ["u1", "u3"]),
    ("users", ["role~audit*"], ["u2"]),
    ("users", ["group=group-2"], ["u1", "u2"]),
    ("users", ["group!=group-2"], ["u3"]),
    ("users", ["group~group-*"], ["u1", "u2"]),
    ("users", ["group="], ["u3"]),
    ("users", ["group!="], ["u1", "u2"]),
    ("users", ["group=group-1", "group=group-2"], ["u1"]),
    ("users", ["group=nobody"], []),
    ("users", ["owner=file"], ["u3"]),
    ("users", ["owner="], ["u1", "u2"]),
    ("users", ["status=active", "owner!=file"], ["u1"]),
    ("groups", ["member=user-1"], ["g1", "g2"]),
    ("groups", ["member!=user-2"], ["g1"]),
    ("groups", ["member="], []),
    ("groups", ["owner=file", "name=group-2"], ["g2"]),
    ("mcps", ["tag=a"], ["m1"]),
    ("mcps", ["tag=x"], []),
    ("mcps", ['tag=x","y'], ["m2"]),
    ("mcps", ['tag=","'], []),
    ("mcps", ["tag=[a]"], ["m2"]),
    ("mcps", ["tag=ä"], ["m2"]),
    ("mcps", ["tag~x*y"], ["m2"]),
    ("mcps", ["tag!=a"], ["m2", "m3"]),
    ("mcps", ["tag="], ["m3"]),
    ("mcps", ["tag!="], ["m1", "m2"]),
    ("mcps", ["isolation=per_user"], ["m2"]),
    ("mcps", ["transport=stdio", "status=published"], ["m1", "m3"]),
    ("grants", ["group=group-1"], ["r2", "r1"]),
    ("grants", ["mcp~mcp-*", "effect!=deny"], ["r1", "r3"]),
    ("grants", ["mcp!=mcp-1"], ["r2"]),
    ("grants", ["delivery=opt_in"], ["r2"]),
    ("keys", ["user=user-2"], ["k2"]),
    ("keys", ["user!=user-2"], ["k1"]),
    ("keys", ["prefix=abcdefgh", "status=revoked"], ["k2"]),
    ("keys", ["name~laptop-*"], ["k1", "k2"]),
    ("subscriptions", ["user=user-2"], ["b2"]),
    ("subscriptions", ["user!=user-2"], ["b1"]),
    ("subscriptions", ["key=laptop-1"], ["b1"]),
    ("subscriptions", ["key_id=k2"], ["b2"]),
    ("subscriptions", ["mcp=mcp-2"], ["b2"]),
    ("credentials", ["user=user-2"], ["c2"]),
    ("credentials", ["mcp=mcp-1", "status=dead"], ["c1"]),
    ("credentials", ["issuer="], ["c2"]),
    ("switches", ["scope=mcp"], ["w2"]),
    ("switches", ["target=mcp-1"], ["w2"]),
    ("switches", ["target="], ["w1", "w3"]),
    ("switches", ["author=other"], ["w3"]),
    ("limits", ["scope=mcp", "target=mcp-1", "owner=file"], ["l2"]),
    ("issuers", ["owner=file", "url=https://login-2.example.com"], ["i2"]),
    ("limits", ["measure!=in_flight"], ["l1"]),
    ("admin_keys", ["user=user-2"], ["a2"]),
    ("admin_keys", ["user!=user-2"], ["a1"]),
    ("admin_keys", ["user="], ["a1"]),
    ("admin_keys", ["user~*"], ["a1", "a2"]),
    ("admin_keys", ["role=admin"], ["a1"]),
    ("admin_keys", ["role="], ["a2"]),
    ("enrolments", ["user=user-2"], ["e2"]),
    ("enrolments", ["name~laptop-*", "created_by=root", "name!=laptop-4"], ["e1", "e3", "e2"]),
    ("sessions", ["user=user-2"], ["s2"]),
    ("sessions", ["key=laptop-1"], ["s1", "s3", "s4"]),
    ("sessions", ["host_tool=vscode", "friendly_name=my editor"], ["s1", "s3", "s4"]),
]


async def test_conditions_find_the_matching_objects(stocked: Store) -> None:
    found = [(kind, words, await ids(stocked, kind, *words)) for kind, words, _ in ANSWERS]
    assert found == ANSWERS


async def test_every_filter_and_every_sort_of_every_list_works(stocked: Store) -> None:
    for kind, (filters, sorts) in LISTS.items():
        every = await ids(stocked, kind)
        assert len(every) >= 2
        for name in filters:
            some = await ids(stocked, kind, f"{name}~*a*")
            none = await ids(stocked, kind, f"{name}~*", f"{name}!=")
            assert {*some, *none} <= {*every}, (kind, name)
        for name in sorts:
            up = await ids(stocked, kind, sort=name)
            assert sorted(up) == sorted(every)
            assert await ids(stocked, kind, sort=f"-{name}") == up[::-1], (kind, name)
            assert [each for each, _ in await _walk(stocked, kind, listing(sort=name, limit=1))] == up
            down = await _walk(stocked, kind, listing(sort=f"-{name}", limit=1))
            assert [each for each, _ in down] == up[::-1]


async def test_unset_values_come_first_and_ties_are_ordered_by_id(stocked: Store) -> None:
    assert await ids(stocked, "users", sort="email") == ["u1", "u3", "u2"]
    assert await ids(stocked, "users", sort="-email") == ["u2", "u3", "u1"]
    assert await ids(stocked, "admin_keys", sort="user") == ["a1", "a2"]
    assert await ids(stocked, "keys", sort="expires_at") == ["k1", "k2"]
    assert await ids(stocked, "users", sort="created_at") == ["u3", "u1", "u2"]
    assert await ids(stocked, "grants", sort="-mcp") == ["r2", "r3", "r1"]


async def test_only_objects_that_have_not_ended_are_open(stocked: Store) -> None:
    assert await ids(stocked, "sessions", open_at=NOW) == ["s1", "s2"]
    assert await ids(stocked, "sessions", "user=user-2", open_at=NOW) == ["s2"]
    assert await ids(stocked, "sessions", open_at=NOW + HOUR) == []
    assert await ids(stocked, "enrolments", open_at=NOW) == ["e1", "e2"]
    assert await ids(stocked, "enrolments", "user=user-2", open_at=NOW + HOUR - SECOND) == ["e2"]
    assert await ids(stocked, "enrolments", open_at=NOW + HOUR) == []
    assert await ids(stocked, "switches", open_at=NOW) == ["w2", "w3"]
    assert await ids(stocked, "switches", open_at=NOW + HOUR) == ["w2"]
    assert await ids(stocked, "users", open_at=NOW + HOUR) == ["u1", "u2", "u3"]


async def test_keys_that_have_expired_are_found_as_such(stocked: Store) -> None:
    async with stocked.write() as work:
        await work.keys.add(client_key(3, expires_at=NOW, created_at=NOW + HOUR))
        await work.keys.add(client_key(4, expires_at=NOW + HOUR, created_at=NOW + HOUR))
        await work.keys.add(client_key(5, expires_at=NOW, status=KeyStatus.SUSPENDED, created_at=NOW + HOUR))
    assert await ids(stocked, "keys", "status=expired", now=NOW) == ["k3", "k5"]
    assert await ids(stocked, "keys", "status=active", now=NOW) == ["k1", "k4"]
    assert await ids(stocked, "keys", "status!=active", now=NOW) == ["k2", "k3", "k5"]
    assert await ids(stocked, "keys", "status~*expire*", now=NOW - SECOND) == []
    assert await ids(stocked, "keys", "status=revoked", now=NOW) == ["k2"]
    assert await ids(stocked, "keys", sort="-status", now=NOW) == ["k2", "k5", "k3", "k4", "k1"]
    walked = await _walk(stocked, "keys", listing(sort="status", limit=2, now=NOW))
    assert [each for each, _ in walked] == ["k1", "k4", "k3", "k5", "k2"]


async def test_switches_are_found_by_whether_they_are_in_force(store: Store) -> None:
    async with store.write() as work:
        await work.switches.add(switch(1, created_at=NOW))
        await work.switches.add(switch(2, drill=True, created_at=NOW + SECOND))
        await work.switches.add(switch(3, expires_at=NOW + HOUR, created_at=NOW + 2 * SECOND))
        await work.switches.add(switch(4, expires_at=NOW, created_at=NOW + 3 * SECOND))
        await work.switches.add(switch(5, lifted_at=NOW, lifted_by="ops", created_at=NOW + 4 * SECOND))
        await work.switches.add(switch(6, drill=True, expires_at=NOW + HOUR, created_at=NOW + 5 * SECOND))
    everything = ["w1", "w2", "w3", "w4", "w5", "w6"]
    assert await ids(store, "switches", now=NOW) == everything
    assert await ids(store, "switches", "active=true", now=NOW) == ["w1", "w3"]
    assert await ids(store, "switches", "active!=true", now=NOW) == ["w2", "w4", "w5", "w6"]
    assert await ids(store, "switches", "active=true", now=NOW + HOUR) == ["w1"]
    assert await ids(store, "switches", "drill=true", now=NOW) == ["w2", "w6"]
    assert await ids(store, "switches", "drill=true", now=NOW, open_at=NOW + HOUR) == ["w2"]
    assert await ids(store, "switches", sort="-active", now=NOW) == ["w3", "w1", "w6", "w5", "w4", "w2"]


@pytest.mark.parametrize("kind", LISTS)
async def test_unknown_fields_and_values_are_refused_naming_the_known_ones(store: Store, kind: str) -> None:
    filters, sorts = LISTS[kind]
    for wanted, known in ((listing("nonsense=1"), filters), (listing(sort="nonsense"), sorts)):
        with pytest.raises(InvalidInputError) as refused:
            await page(store, kind, wanted)
        named = refused.value.message.rpartition("nown are ")[2]
        assert {*named.split(", ")} == (known or {"none"})


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        (listing("statsu=active"), "did you mean 'status'?"),
        (listing("status=actve"), "did you mean 'active'?"),
        (listing("status!=nonsense"), "known are active, suspended, deactivated"),
        (listing("role=admn"), "did you mean 'admin'?"),
        (listing(sort="created"), "did you mean 'created_at'?"),
        (listing("created_at~2026*"), "'created_at'"),
        (listing(sort="group"), "'group'"),
        (listing("name=\0"), "NUL"),
        (listing("name=\ud800"), "surrogate"),
        (listing(after=Position("\0", "u1")), "NUL"),
        (listing(after=Position("a", "x" * 513)), "longer"),
    ],
)
async def test_invalid_listing_is_refused_by_every_store(store: Store, wanted: Listing, near: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await page(store, "users", wanted)
    assert near in refused.value.message


def test_number_of_conditions_and_their_length_are_bounded() -> None:
    with pytest.raises(InvalidInputError, match="512"):
        Condition.parse("name=" + "x" * 513)
    with pytest.raises(InvalidInputError, match="20"):
        listing(*["name=x"] * 21)
    with pytest.raises(InvalidInputError, match="limit"):
        listing(limit=0)
    for nonsense in ("", "name", "=x", "Name=x", "na me=x", "name>x", "name"):
        with pytest.raises(InvalidInputError, match="FIELD=VALUE"):
            Condition.parse(nonsense)
    assert Condition.parse("name=a!=b~c") == Condition("name", Condition.parse("x=").operator, "a!=b~c")


async def _walk(
    store: Store, kind: str, wanted: Listing, between: Callable[[], Awaitable[None]] | None = None
) -> list[tuple[str, int]]:
    """Follow the pages to the end; return each object's id, and the total of the page it was on."""
    seen: list[tuple[str, int]] = []
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await page(store, kind, wanted)
            assert len(found.items) <= wanted.limit
            seen += [(getattr(item, _ID[kind]), found.total) for item in found.items]
            if found.following is None:
                return seen
            assert len(found.items) == wanted.limit
            wanted = replace(wanted, after=found.following)
            if between is not None:
                await between()


TEXTS = st.sampled_from(["", "a", "B", "b", "ab", "a*", "a_", "[a]", "é", "\uff5a", "\U0001f600", "%"])
USERS = st.builds(
    user,
    number=st.integers(0, 40),
    display_name=TEXTS,
    email=st.none() | TEXTS,
    owner=st.none() | TEXTS,
    status=st.sampled_from(UserStatus),
    created_at=st.sampled_from([NOW, NOW + SECOND / 1000, NOW - HOUR]),
)
FIELDS = ("display_name", "email", "owner", "status", "name")
PATTERNS = TEXTS | st.sampled_from(["*", "a*", "*a", "*a*", "**", "[*", "*_", "*%*"])


@dataclass(frozen=True)
class Scene:
    """Users, a listing of some of them, and changes made while its pages are read."""

    users: dict[str, User]
    conditions: tuple[tuple[str, str, str], ...]
    sort: str
    limit: int
    passing: tuple[User, ...]


def _unique(users: list[User]) -> dict[str, User]:
    return {each.user_id: each for each in users}


SCENES = st.builds(
    Scene,
    users=st.lists(USERS, max_size=12).map(_unique),
    conditions=st.lists(
        st.tuples(
            st.sampled_from([name for name in FIELDS if name != "status"]),
            st.sampled_from(["=", "!=", "~"]),
            PATTERNS,
        ),
        max_size=2,
    ).map(tuple),
    sort=st.sampled_from([*FIELDS, "created_at", *(f"-{name}" for name in FIELDS), "-created_at"]),
    limit=st.integers(1, 5),
    # Each user appears or disappears only once, because one that moves between two pages may be on both.
    passing=st.lists(USERS, max_size=6, unique_by=lambda user: user.user_id).map(tuple),
)


def _expected(scene: Scene) -> list[str]:
    def meets(item: User, condition: tuple[str, str, str]) -> bool:
        name, operator, value = condition
        text = str(getattr(item, name) or "")
        if operator == "~":
            return glob_matches(value, text)
        return (text == value) is (operator == "=")

    def order(item: User) -> tuple[Any, ...]:
        value = getattr(item, scene.sort.removeprefix("-"))
        return (0, "", item.user_id) if value is None else (1, value, item.user_id)

    found = [each for each in scene.users.values() if all(meets(each, one) for one in scene.conditions)]
    return [each.user_id for each in sorted(found, key=order, reverse=scene.sort.startswith("-"))]


@given(scene=SCENES)
@settings(examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_hold_the_sorted_filtered_list_and_nothing_twice(store: Store, scene: Scene) -> None:
    await _hold_only(store, scene.users)
    expected = _expected(scene)
    wanted = listing(
        *(f"{name}{operator}{value}" for name, operator, value in scene.conditions),
        sort=scene.sort,
        limit=scene.limit,
    )
    assert await _walk(store, "users", wanted) == [(each, len(expected)) for each in expected]
    passing = iter(scene.passing)
    throughout = {*expected}

    async def disturb() -> None:
        other = next(passing, None)
        if other is None:
            return
        async with store.write() as work:
            if other.user_id not in scene.users:
                await _put(work, other)
            elif await work.users.get(other.user_id) is not None:
                await work.users.remove(other.user_id)
                throughout.discard(other.user_id)

    seen = [each for each, _ in await _walk(store, "users", wanted, disturb)]
    assert len(seen) == len({*seen})
    kept = [each for each in expected if each in throughout]
    assert [each for each in seen if each in throughout] == kept


async def _hold_only(store: Store, users: dict[str, User]) -> None:
    async with store.write() as work:
        for each in await work.users.all():
            await work.users.remove(each.user_id)
        for each in users.values():
            await work.users.add(each)


async def _put(work: UnitOfWork, item: User) -> None:
    if await work.users.get(item.user_id) is None:
        await work.users.add(item)
    else:
        await work.users.replace(item)
