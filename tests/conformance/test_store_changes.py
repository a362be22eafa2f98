"""The policy changes that every store reports: the changed objects, or that all must be read."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import pytest

from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.storage import transaction
from tests.conformance.store_samples import (
    NOW,
    add_owners,
    approved,
    client_key,
    credential,
    grant,
    group,
    issuer,
    limit,
    mcp,
    secret,
    session,
    subscription,
    switch,
    tool,
    user,
)

Step = Callable[[UnitOfWork], Awaitable[Any]]

KINDS = [field.name for field in fields(PolicyChanges)]

STEPS: dict[str, tuple[Step, dict[str, dict[str, Any]]]] = {
    "users.add": (lambda work: work.users.add(user(5)), {"users": {"u5": user(5)}}),
    "users.replace": (
        lambda work: work.users.replace(user(1, name="x")),
        {"users": {"u1": user(1, name="x")}},
    ),
    "groups.replace": (
        lambda work: work.groups.replace(group(1, description="x")),
        {"groups": {"g1": group(1, description="x")}},
    ),
    "memberships.add": (
        lambda work: work.memberships.add(Membership(user_id="u1", group_id="g2")),
        {"memberships": {"u1": ["g1", "g2"]}},
    ),
    "memberships.remove": (
        lambda work: work.memberships.remove(Membership(user_id="u1", group_id="g1")),
        {"memberships": {"u1": []}},
    ),
    "keys.add": (lambda work: work.keys.add(client_key(5)), {"keys": {"k5": client_key(5)}}),
    "mcps.replace": (lambda work: work.mcps.replace(mcp(1, tags=())), {"mcps": {"m1": mcp(1, tags=())}}),
    "approved.add": (lambda work: work.approved.add(approved(2)), {"approved": {"m2": approved(2)}}),
    "approved.replace": (
        lambda work: work.approved.replace(approved(1, digests={})),
        {"approved": {"m1": approved(1, digests={})}},
    ),
    "grants.add": (lambda work: work.grants.add(grant(5)), {"grants": {"r5": grant(5)}}),
    "grants.remove": (lambda work: work.grants.remove("r1"), {"grants": {"r1": None}}),
    "switches.add": (
        lambda work: work.switches.add(switch(5)),
        {"switches": {switch(5).switch_id: switch(5)}},
    ),
    "switches.replace": (
        lambda work: work.switches.replace(switch(1, lifted_at=NOW)),
        {"switches": {switch(1).switch_id: switch(1, lifted_at=NOW)}},
    ),
    "switches.remove": (
        lambda work: work.switches.remove(switch(1).switch_id),
        {"switches": {switch(1).switch_id: None}},
    ),
    "issuers.add": (lambda work: work.issuers.add(issuer(5)), {"issuers": {"i5": issuer(5)}}),
    "issuers.replace": (
        lambda work: work.issuers.replace(issuer(1, scopes=("a",))),
        {"issuers": {"i1": issuer(1, scopes=("a",))}},
    ),
    "issuers.remove": (lambda work: work.issuers.remove("i1"), {"issuers": {"i1": None}}),
    "limits.add": (lambda work: work.limits.add(limit(5)), {"limits": {"l5": limit(5)}}),
    "limits.replace": (
        lambda work: work.limits.replace(limit(1, value=1)),
        {"limits": {"l1": limit(1, value=1)}},
    ),
    "limits.remove": (lambda work: work.limits.remove("l1"), {"limits": {"l1": None}}),
    "subscriptions.replace": (
        lambda work: work.subscriptions.replace(subscription(1, patterns=())),
        {"subscriptions": {"b1": subscription(1, patterns=())}},
    ),
    "credentials.replace": (
        lambda work: work.credentials.replace(credential(1, fields=())),
        {"credentials": {"c1": credential(1, fields=())}},
    ),
    "credentials.remove": (lambda work: work.credentials.remove("c1"), {"credentials": {"c1": None}}),
    "subscriptions.remove": (lambda work: work.subscriptions.remove("b1"), {"subscriptions": {"b1": None}}),
}

CASCADES: dict[str, tuple[Step, dict[str, dict[str, Any]]]] = {
    "users": (
        lambda work: work.users.remove("u1"),
        {
            "users": {"u1": None},
            "keys": {"k1": None},
            "subscriptions": {"b1": None},
            "credentials": {"c1": None},
            "memberships": {"u1": []},
        },
    ),
    "groups": (
        lambda work: work.groups.remove("g1"),
        {"groups": {"g1": None}, "grants": {"r1": None}, "memberships": {"u1": []}},
    ),
    "group without members": (lambda work: work.groups.remove("g2"), {"groups": {"g2": None}}),
    "keys": (lambda work: work.keys.remove("k1"), {"keys": {"k1": None}, "subscriptions": {"b1": None}}),
    "mcps": (
        lambda work: work.mcps.remove("m1"),
        {
            "mcps": {"m1": None},
            "approved": {"m1": None},
            "grants": {"r1": None},
            "subscriptions": {"b1": None},
            "credentials": {"c1": None},
        },
    ),
}


async def furnish(store: Store) -> int:
    """Store one of everything and return the version after that."""
    async with store.write() as work:
        await add_owners(work)
        await work.groups.add(group(2))
        await work.memberships.add(Membership(user_id="u1", group_id="g1"))
        await work.mcps.add(mcp(2))
        await work.approved.add(approved())
        await work.grants.add(grant())
        await work.switches.add(switch())
        await work.limits.add(limit())
        await work.issuers.add(issuer())
        await work.subscriptions.add(subscription())
        await work.credentials.add(credential())
        return await work.policy_version()


async def since(store: Store, version: int) -> dict[str, Any] | None:
    """Return the changed objects after the version, without kinds that have none."""
    async with store.read() as work:
        changes = await work.changes_since(version)
    if changes is None:
        return None
    found = {kind: dict(getattr(changes, kind)) for kind in KINDS if getattr(changes, kind)}
    if "memberships" in found:
        found["memberships"] = {user_id: sorted(ids) for user_id, ids in found["memberships"].items()}
    return found


@pytest.mark.parametrize(("step", "expected"), STEPS.values(), ids=STEPS.keys())
async def test_change_reports_only_the_changed_objects(
    store: Store, step: Step, expected: dict[str, Any]
) -> None:
    before = await furnish(store)
    async with store.write() as work:
        await step(work)
    assert await since(store, before) == expected
    assert await since(store, before + 1) == {}


@pytest.mark.parametrize(("step", "expected"), CASCADES.values(), ids=CASCADES.keys())
async def test_removal_reports_the_objects_removed_with_it(
    store: Store, step: Step, expected: dict[str, Any]
) -> None:
    before = await furnish(store)
    async with store.write() as work:
        await step(work)
    async with store.write() as work:
        await work.users.add(user(8))
    later = {"u8": user(8)}
    assert await since(store, before) == expected | {"users": expected.get("users", {}) | later}
    assert await since(store, before + 1) == {"users": later}


async def test_removal_of_a_missing_object_reports_nothing(store: Store) -> None:
    before = await furnish(store)
    with pytest.raises(NotFoundError):
        async with store.write() as work:
            await work.groups.remove("nobody")
    assert await since(store, before) == {}


async def test_changes_of_several_versions_are_reported_together_as_they_are_now(store: Store) -> None:
    before = await furnish(store)
    for name in ("x", "y"):
        async with store.write() as work:
            await work.users.replace(user(1, name=name))
            await work.grants.add(grant(ord(name)))
    async with store.write() as work:
        await work.grants.remove(f"r{ord('x')}")
    assert await since(store, before) == {
        "users": {"u1": user(1, name="y")},
        "grants": {f"r{ord('x')}": None, f"r{ord('y')}": grant(ord("y"))},
    }


async def test_more_objects_than_one_statement_takes_are_all_reported(store: Store) -> None:
    before = await furnish(store)
    async with store.write() as work:
        for number in range(10, 610):
            await work.users.add(user(number))
    assert await since(store, before) == {"users": {f"u{number}": user(number) for number in range(10, 610)}}


async def test_too_many_changed_objects_count_as_all(store: Store) -> None:
    before = await furnish(store)
    async with store.write() as work:
        for number in range(10, 10 + transaction.MAX_CHANGES + 1):
            await work.users.add(user(number))
    assert await since(store, before) is None


async def test_nothing_is_reported_that_was_not_committed_or_is_not_policy(store: Store) -> None:
    before = await furnish(store)

    async def add_twice() -> None:
        async with store.write() as work:
            await work.users.add(user(5))
            await work.users.add(user(5))

    with pytest.raises(ConflictError):
        await add_twice()
    async with store.write() as work:
        await work.sessions.add(session())
        await work.tools.put("m1", [tool()])
        await work.keys.touch("k1", at=NOW, host="x")
        await work.secrets.put(secret())
        await work.secrets.lock("c1", "token", now=NOW, until=NOW)
    assert await since(store, before) == {}


async def test_refused_write_is_not_a_change(store: Store) -> None:
    before = await furnish(store)
    async with store.write() as work:
        with pytest.raises(ConflictError):
            await work.users.add(user(9, name="user-1"))
        await work.users.add(user(8))
    assert await since(store, before) == {"users": {"u8": user(8)}}


async def test_changes_since_an_old_or_future_version_are_unknown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "KEPT_VERSIONS", 20)
    first = await furnish(store)
    last = first + transaction.KEPT_VERSIONS + 1
    for number in range(first, last):
        async with store.write() as work:
            await work.users.replace(user(1, display_name=str(number)))
    expected = {"users": {"u1": user(1, display_name=str(last - 1))}}
    assert await since(store, first) is None
    assert await since(store, first + 1) == expected
    assert await since(store, last + 1) is None
