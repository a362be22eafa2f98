"""The behaviour of every store with objects: keep them exactly, and refuse impossible ones with a clear message."""

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from ambassador_server.domain.catalog.credential_needs import (
    CredentialField,
    CredentialNeeds,
    GrantType,
    OAuthNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import (
    ArgumentPolicy,
    Broadcast,
    Isolation,
    McpStatus,
    Sessions,
    ToolClass,
)
from ambassador_server.domain.catalog.transforms import ToolTransform, ToolTransforms
from ambassador_server.domain.people.administrators import Role
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.credentials import CredentialStatus
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.issuers import Algorithm, Issuer, KeySource
from ambassador_server.domain.people.meta_tools import MetaTools
from ambassador_server.domain.people.users import AuthSource, UserStatus
from ambassador_server.domain.policy.approval_requests import RequestKind, RequestStatus
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.policy.limits import LimitScope, Measure
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError, StorageError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.storage.value_checks import MAX_KEY
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    admin_key,
    approved,
    client_key,
    credential,
    enrolment,
    grant,
    group,
    issuer,
    limit,
    mcp,
    password,
    position,
    record,
    request,
    session,
    subscription,
    switch,
    tool,
    user,
)

ODD = "Zoë 🦊 \u202e \\ ' \" % _ * [x] \t\r\n \x01 \uffff"
LONG = "ä" * 100_000
LATEST = datetime.max.replace(tzinfo=UTC)

TRANSFORMS = ToolTransforms(
    by_tool={
        ODD: ToolTransform(name="renamed", description=ODD, hidden=False),
        "*": ToolTransform(
            description_suffix="",
            fixed_arguments={ODD: '{"n":1.0,"big":12345678901234567890123}', "flag": "true", "one": "1"},
            default_arguments={"limit": "null"},
            annotations={"readOnlyHint": True, "title": ODD},
            result_bytes=1,
            call_timeout_seconds=0.1,
        ),
    }
)
NEEDS = CredentialNeeds(
    fields=(
        CredentialField(
            name="token", place=Place.HEADER, target="X-Token", template="t {}", title=ODD, help=LONG
        ),
        CredentialField(name="b", place=Place.ARGUMENT, secret=False, required=False, reference="env://B"),
        CredentialField(name="c", place=Place.QUERY, target="c", listing_reference="file:///c"),
    ),
    oauth=OAuthNeeds(
        grant=GrantType.SERVICE_ACCOUNT, client_id=ODD, scopes=(ODD, "b"), private_addresses=True
    ),
)

OBJECTS = [
    ("users", user(2, name=ODD, display_name=LONG, email="", status=UserStatus.DEACTIVATED)),
    ("users", user(3, user_id="", name="", display_name="")),
    ("users", user(4, name="x" * MAX_KEY, created_at=LATEST, updated_at=datetime.min.replace(tzinfo=UTC))),
    ("users", user(5, roles=tuple(Role), source=AuthSource.EXTERNAL, owner=ODD, meta_tools=MetaTools.ON)),
    ("groups", group(2, name=ODD, description=LONG)),
    ("groups", group(3, owner="ci/people")),
    ("keys", client_key(2, digest=b"", prefix="", name=ODD, meta_tools=MetaTools.OFF)),
    ("keys", client_key(3, expires_at=NOW, last_used_at=NOW, last_host=ODD, status=KeyStatus.REVOKED)),
    ("mcps", mcp(2, options={}, tags=(), status=McpStatus.DRAFT, arguments=ArgumentPolicy.NONE)),
    (
        "mcps",
        mcp(3, options={ODD: [1, -(2**70), 0.1, None, True, {"nul": "\0", "half": "\ud800"}]}, tags=(ODD,)),
    ),
    ("mcps", mcp(4, call_timeout_seconds=0.1, description=LONG)),
    ("mcps", mcp(4, max_in_flight=4096, breaker_failures=1000, grace_seconds=0.5)),
    ("keys", client_key(4, owner=ODD)),
    ("keys", client_key(5, replaces="k1")),
    ("enrolments", enrolment(2, key_name=ODD, key_seconds=None, redeemed_at=NOW)),
    ("mcps", mcp(5, isolation=Isolation.PER_USER, owner="ci/catalog")),
    ("mcps", mcp(6, prefixed=False, sessions=Sessions.PER_USER)),
    ("mcps", mcp(7, credentials=NEEDS)),
    ("mcps", mcp(8, transforms=TRANSFORMS)),
    ("mcps", mcp(9, broadcast=Broadcast.READ_ONLY)),
    ("credentials", credential(1, fields=(), generation=ODD, status=CredentialStatus.DEAD)),
    ("credentials", credential(1, fields=("token", "oauth"), scopes=(ODD,), issuer=ODD)),
    ("grants", grant(3, delivery=Delivery.OPT_IN, owner=ODD)),
    ("grants", grant(4, patterns=(), resources=("file:///*", ODD), prompts=())),
    ("grants", grant(5, resources=(), prompts=("mcp-1.review", ODD))),
    ("subscriptions", subscription(3, patterns=(), resources=(ODD, "repo://*"), prompts=("*",))),
    ("subscriptions", subscription(2, patterns=(), created_by=ODD)),
    ("passwords", password(1, hash=LONG)),
    ("grants", grant(2, patterns=(), effect=Effect.DENY, expires_at=NOW, created_by=ODD)),
    ("switches", switch(2, scope=SwitchScope.TOOL, target="git.*", target_name=ODD, message="", drill=True)),
    ("switches", switch(3, expires_at=NOW, lifted_at=NOW, lifted_by=ODD)),
    (
        "issuers",
        issuer(
            2,
            url=ODD,
            audiences=(),
            algorithms=(Algorithm.HS256,),
            key_source=KeySource.SECRET,
            key_place="env://SHARED",
            group_map={ODD: "g1", "/a": "g2"},
            scopes=("a", ODD),
            creates_users=True,
            private_addresses=True,
            owner="ci/issuers",
            login_client_id=ODD,
            login_scopes=("openid", ODD),
            host_client_id=ODD,
            host_client_secret=ODD,
            host_redirects=(ODD,),
            host_scopes=(ODD,),
            host_omits_resource=True,
        ),
    ),
    ("limits", limit(2, scope=LimitScope.TOOL, target=ODD, target_name=ODD, owner="ci/limits")),
    ("limits", limit(3, measure=Measure.RESULT_BYTES, value=2**60, burst=None, created_by=ODD)),
    ("grants", grant(6, approval_seconds=600)),
    ("grants", grant(7, approval_seconds=10, approvers="g1")),
    ("requests", request(2, content={ODD: [1, None, {"a": ODD}]}, capability=LONG, reason=ODD)),
    (
        "requests",
        request(
            3,
            kind=RequestKind.ACCESS,
            status=RequestStatus.DENIED,
            expires_at=None,
            key_id=None,
            capability_kind=None,
            capability=None,
            digest=None,
            basis=None,
            approvers="g1",
            grant_id="r1",
            decided_at=NOW,
            decided_by=ODD,
            decision_reason=LONG,
            used_at=NOW,
            rounds=2**40,
        ),
    ),
    ("sessions", session(2, friendly_name=ODD, host_tool="")),
    ("sessions", session(3, ended_at=NOW, end_reason="idle")),
    ("admin_keys", admin_key(2, name=ODD, roles=(), expires_at=NOW, revoked_at=NOW)),
    ("admin_keys", admin_key(3, roles=tuple(Role))),
    ("admin_keys", admin_key(4, user_id="u1", created_by=ODD)),
]


def item_id(item: Any) -> str:
    """Return the id of any object, which is its first field but for an issuer, which has the rules before it."""
    return str(item.issuer_id if isinstance(item, Issuer) else getattr(item, fields(item)[0].name))


@pytest.mark.parametrize(("name", "item"), OBJECTS)
async def test_object_is_read_back_unchanged(store: Store, name: str, item: Any) -> None:
    async with store.write() as work:
        await add_owners(work)
        await getattr(work, name).add(item)
        written = await getattr(work, name).get(item_id(item))
    async with store.read() as work:
        assert await getattr(work, name).get(item_id(item)) == item == written
        assert item in await getattr(work, name).all()


@pytest.mark.parametrize(("name", "item"), OBJECTS)
async def test_replaced_object_is_read_back_as_it_is_now(store: Store, name: str, item: Any) -> None:
    changed = next(field.name for field in fields(item) if field.name in {"created_at", "changed_at"})
    later = replace(item, **{changed: NOW + HOUR})
    async with store.write() as work:
        await add_owners(work)
        await getattr(work, name).add(item)
    async with store.write() as work:
        await getattr(work, name).replace(later)
    async with store.read() as work:
        assert await getattr(work, name).get(item_id(item)) == later
        assert item not in await getattr(work, name).all()


async def test_types_of_values_are_kept(store: Store) -> None:
    options = MappingProxyType({"nested": MappingProxyType({"a": 1})})
    async with store.write() as work:
        await work.mcps.add(mcp(options=options, tags=("x",)))
        await work.admin_keys.add(admin_key())
    async with store.read() as work:
        found = await work.mcps.get("m1")
        administrator = await work.admin_keys.get("a1")
    assert found is not None
    assert administrator is not None
    assert found.options == {"nested": {"a": 1}}
    assert isinstance(found.status, McpStatus)
    assert isinstance(found.tags, tuple)
    assert isinstance(found.call_timeout_seconds, float)
    assert found.created_at.tzinfo is UTC or found.created_at.utcoffset() == timedelta(0)
    assert isinstance(administrator.digest, bytes)
    assert all(isinstance(role, Role) for role in administrator.roles)


async def test_time_of_another_zone_is_the_same_instant(store: Store) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    async with store.write() as work:
        await work.users.add(user(created_at=there))
    async with store.read() as work:
        found = await work.users.get("u1")
    assert found is not None
    assert found.created_at == NOW


async def test_unknown_object_is_none(store: Store) -> None:
    async with store.read() as work:
        assert await work.users.get("u1") is None
        assert await work.users.by_name("alice") is None
        assert await work.sessions.get("s1") is None
        assert await work.keys.all() == []


async def test_name_finds_the_object_and_no_other(store: Store) -> None:
    names = ["Alice", "alice", "alicE", "al_ce", "al%", "ål", "a\u030al", " alice"]
    async with store.write() as work:
        for number, name in enumerate(names):
            await work.users.add(user(number, name=name))
    async with store.read() as work:
        found = [await work.users.by_name(name) for name in names]
    assert [item and item.name for item in found] == names


async def test_named_objects_are_ordered_by_code_point(store: Store) -> None:
    names = ["b", "B", "a", "ä", "Z", "_", "10", "9", "\uff5e", "🦊", "a b", "ab", ""]
    async with store.write() as work:
        for number, name in enumerate(names):
            await work.groups.add(group(number, name=name))
    async with store.read() as work:
        assert [item.name for item in await work.groups.all()] == sorted(names)


async def test_other_objects_are_ordered_by_creation(store: Store) -> None:
    times = [NOW + HOUR, NOW - HOUR, NOW, NOW + timedelta(microseconds=1)]
    async with store.write() as work:
        for number, time in enumerate(times):
            await work.switches.add(switch(number, created_at=time))
    async with store.read() as work:
        assert [item.created_at for item in await work.switches.all()] == sorted(times)


CONFLICTS = [
    ("users", user(1, name="other"), "user 'other' exists already."),
    ("users", user(2, name="user-1"), "user 'user-1' exists already."),
    ("groups", group(2, name="group-1"), "group 'group-1' exists already."),
    ("mcps", mcp(2, name="mcp-1"), "MCP 'mcp-1' exists already."),
    ("keys", client_key(1, name="mine"), "client key 'mine' exists already."),
    ("keys", client_key(2, user_id="nobody"), "client key 'laptop-2' refers to an unknown user."),
    ("grants", grant(2, group_id="nobody"), "grant 'r2' refers to an unknown group, user or MCP."),
    ("subscriptions", subscription(2), "subscription 'b2' exists already."),
    (
        "subscriptions",
        subscription(2, mcp_id="nothing"),
        "subscription 'b2' refers to an unknown client key or MCP.",
    ),
    ("credentials", credential(2, mcp_id="m9"), "credential 'c2' refers to an unknown user or MCP."),
    ("admin_keys", admin_key(2, user_id="nobody"), "admin key 'admin-2' refers to an unknown user."),
    ("grants", grant(2, mcp_id="nothing"), "grant 'r2' refers to an unknown group, user or MCP."),
    ("requests", request(2, user_id="nobody"), "request 'q2' refers to an unknown user or MCP."),
    ("requests", request(2, mcp_id="nothing"), "request 'q2' refers to an unknown user or MCP."),
    ("sessions", session(2, key_id="none"), "session 's2' refers to an unknown user or client key."),
]


@pytest.mark.parametrize(("name", "item", "message"), CONFLICTS)
async def test_impossible_addition_is_a_conflict_with_a_clear_message(
    store: Store, name: str, item: Any, message: str
) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.subscriptions.add(subscription())
    async with store.write() as work:
        before = await getattr(work, name).all()
        with pytest.raises(ConflictError) as caught:
            await getattr(work, name).add(item)
        assert await getattr(work, name).all() == before
    assert caught.value.message == message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


async def test_replacement_cannot_take_a_name(store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user(1))
        await work.users.add(user(2))
        with pytest.raises(ConflictError, match=r"user 'user-1' exists already\."):
            await work.users.replace(user(2, name="user-1"))
        await work.users.replace(user(1, name="free"))
        await work.users.replace(user(2, name="user-1"))
    async with store.read() as work:
        assert [item.name for item in await work.users.all()] == ["free", "user-1"]


async def test_transaction_is_usable_after_a_conflict(store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user(1))
        with pytest.raises(ConflictError):
            await work.users.add(user(1))
        with pytest.raises(ConflictError):
            await work.keys.add(client_key(user_id="nobody"))
        await work.users.add(user(2))
    async with store.read() as work:
        assert [item.user_id for item in await work.users.all()] == ["u1", "u2"]


@pytest.mark.parametrize(
    ("name", "item", "message"),
    [
        ("users", user(name="alice"), "user 'alice' does not exist."),
        ("keys", client_key(name="laptop"), "client key 'laptop' does not exist."),
        ("switches", switch(), "kill switch 'w1' does not exist."),
        ("limits", limit(name="careful"), "limit 'careful' does not exist."),
        ("issuers", issuer(name="okta"), "issuer 'okta' does not exist."),
        ("admin_keys", admin_key(name="root"), "admin key 'root' does not exist."),
    ],
)
async def test_replacing_a_missing_object_is_not_found(
    store: Store, name: str, item: Any, message: str
) -> None:
    async with store.write() as work:
        with pytest.raises(NotFoundError) as caught:
            await getattr(work, name).replace(item)
    assert caught.value.message == message


async def test_removed_grant_is_gone(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.grants.add(grant(1))
        await work.grants.add(grant(2))
        await work.grants.remove("r1")
        with pytest.raises(NotFoundError, match=r"grant 'r1' does not exist\."):
            await work.grants.remove("r1")
    async with store.read() as work:
        assert await work.grants.all() == [grant(2)]


async def test_memberships_are_added_and_removed(store: Store) -> None:
    here, there = Membership(user_id="u1", group_id="g1"), Membership(user_id="u1", group_id="g2")
    async with store.write() as work:
        await add_owners(work)
        await work.groups.add(group(2))
        await work.memberships.add(there)
        await work.memberships.add(here)
        assert await work.memberships.all() == [here, there]
        assert await work.memberships.groups_by_user() == {"u1": ("g1", "g2")}
        await work.memberships.remove(there)
    async with store.read() as work:
        assert await work.memberships.all() == [here]


async def test_impossible_memberships_are_refused_with_a_clear_message(store: Store) -> None:
    here = Membership(user_id="u1", group_id="g1")
    async with store.write() as work:
        await add_owners(work)
        with pytest.raises(NotFoundError, match=r"^user 'user-1' is not in group 'group-1'\.$"):
            await work.memberships.remove(here)
        await work.memberships.add(here)
        with pytest.raises(ConflictError, match=r"^user 'user-1' is in group 'group-1' already\.$"):
            await work.memberships.add(here)
        with pytest.raises(ConflictError, match=r"^user 'u9' cannot be in group 'group-1': one of them "):
            await work.memberships.add(replace(here, user_id="u9"))


async def test_last_known_tools_are_replaced_as_a_whole(store: Store) -> None:
    odd = tool("\0\ud800", description=LONG, tool_class=ToolClass.DESTRUCTIVE, definition=bytes(range(256)))
    async with store.write() as work:
        await add_owners(work)
        await work.mcps.add(mcp(2))
        await work.tools.put("m1", [tool("a"), tool("b")])
        await work.tools.put("m2", [])
    async with store.write() as work:
        await work.tools.put("m1", [odd, tool("b")])
        with pytest.raises(ConflictError, match="unknown MCP 'm9'"):
            await work.tools.put("m9", [])
    async with store.read() as work:
        assert await work.tools.all() == {"m1": (odd, tool("b")), "m2": ()}


async def test_approved_definitions_are_another_list_than_the_last_known_tools(store: Store) -> None:
    async with store.write() as work:
        await add_owners(work)
        await work.tools.put("m1", [tool("a")])
        await work.approved_definitions.put("m1", [tool("a"), tool("b")])
    async with store.read() as work:
        assert await work.tools.get("m1") == (tool("a"),)
        assert await work.approved_definitions.get("m1") == (tool("a"), tool("b"))
        assert await work.approved_definitions.get("m2") == ()
    async with store.write() as work:
        await work.mcps.remove("m1")
    async with store.read() as work:
        assert (await work.tools.get("m1"), await work.approved_definitions.get("m1")) == ((), ())


async def test_approved_tools_belong_to_an_mcp_and_go_with_it(store: Store) -> None:
    odd = approved(digests={"\0\ud800": "1" * 64, LONG: "2" * 64})
    async with store.write() as work:
        await add_owners(work)
        await work.approved.add(approved())
        with pytest.raises(ConflictError, match="unknown MCP"):
            await work.approved.add(approved(9))
        with pytest.raises(ConflictError, match="exists already"):
            await work.approved.add(approved())
        await work.approved.replace(odd)
    async with store.read() as work:
        assert await work.approved.all() == [odd]
    async with store.write() as work:
        await work.mcps.remove("m1")
    async with store.read() as work:
        assert await work.approved.get("m1") is None


def cyclic() -> dict[str, Any]:
    """Return a document that contains itself."""
    document: dict[str, Any] = {}
    document["again"] = document
    return document


Attempt = Callable[[UnitOfWork], Awaitable[Any]]

UNSTORABLE: dict[str, Attempt] = {
    "nul": lambda work: work.users.add(user(display_name="a\0b")),
    "half a surrogate pair": lambda work: work.users.add(user(name="\ud800")),
    "naive time": lambda work: work.users.add(user(created_at=NOW.replace(tzinfo=None))),
    "time before the first year": lambda work: work.users.add(
        user(created_at=datetime.min.replace(tzinfo=timezone(HOUR)))
    ),
    "name too long": lambda work: work.users.add(user(name="x" * (MAX_KEY + 1))),
    "id too long": lambda work: work.users.add(user(user_id="x" * (MAX_KEY + 1))),
    "not a number": lambda work: work.mcps.add(mcp(call_timeout_seconds=float("nan"))),
    "infinite": lambda work: work.mcps.add(mcp(call_timeout_seconds=float("inf"))),
    "no JSON": lambda work: work.mcps.add(mcp(options={"a": object()})),
    "no JSON number": lambda work: work.mcps.add(mcp(options={"a": float("nan")})),
    "endless JSON": lambda work: work.mcps.add(mcp(options=cyclic())),
    "nul in a tag": lambda work: work.mcps.add(mcp(tags=("a\0",))),
    "nul in a replacement": lambda work: work.switches.replace(switch(reason="\0")),
    "nul in an id": lambda work: work.users.get("\0"),
    "nul in a name": lambda work: work.users.by_name("\0"),
    "nul in a membership": lambda work: work.memberships.add(Membership(user_id="\0", group_id="g1")),
    "nul in a grant id": lambda work: work.grants.remove("\0"),
    "nul in a reason": lambda work: work.sessions.end("s1", at=NOW, reason="\0"),
    "naive expiry": lambda work: work.sessions.touch("s1", seen_at=NOW, expires_at=NOW.replace(tzinfo=None)),
    "sequence number too big": lambda work: work.audit.insert([record(2**63)], position(1)),
    "offset too big": lambda work: work.audit.insert([record(1)], LogPosition(1, 1, 2**63)),
    "nul in a writer": lambda work: work.audit.insert([record(1, writer="\0")], position(1)),
}


@pytest.mark.parametrize("attempt", UNSTORABLE.values(), ids=UNSTORABLE.keys())
async def test_value_that_some_driver_refuses_is_invalid_everywhere(store: Store, attempt: Attempt) -> None:
    async with store.write() as work:
        with pytest.raises(InvalidInputError):
            await attempt(work)
        await work.users.add(user())
    async with store.read() as work:
        assert await work.users.all() == [user()]


async def test_closed_store_refuses_work(store: Store) -> None:
    await store.close()
    with pytest.raises(StorageError, match=r"The database is closed\."):
        async with store.read():
            pass
    with pytest.raises(StorageError, match=r"The database is closed\."):
        async with store.write():
            pass
