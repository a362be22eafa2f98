"""A snapshot updated change by change equals one that is built from all rows."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import ConflictError, NotFoundError
from ambassador_server.ports.store import Store, UnitOfWork
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    client_key,
    grant,
    group,
    issuer,
    limit,
    mcp,
    subscription,
    switch,
    user,
)
from tests.effort import examples
from tests.fakes.clock import ManualClock
from tests.fakes.store import InMemoryStore

Write = Callable[[UnitOfWork], Awaitable[None]]

FEW = st.integers(1, 3)
ADD_OR_REPLACE = st.sampled_from(["add", "replace"])
TIMES = st.sampled_from([NOW, NOW + HOUR, NOW - HOUR])


def put(repository: str, item: st.SearchStrategy[Any]) -> st.SearchStrategy[Write]:
    """Return writes that add or replace an object."""
    return st.builds(
        lambda how, value: lambda work: getattr(getattr(work, repository), how)(value), ADD_OR_REPLACE, item
    )


def remove(repository: str, letter: str) -> st.SearchStrategy[Write]:
    """Return writes that remove an object."""
    return st.builds(lambda n: lambda work: getattr(work, repository).remove(f"{letter}{n}"), FEW)


def ids(letter: str) -> st.SearchStrategy[str]:
    """Return ids that may or may not exist."""
    return FEW.map(lambda number: f"{letter}{number}")


def having(make: Callable[..., Any], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects of which these parts differ."""
    return st.builds(make, FEW, **parts)


MEMBERSHIP = st.builds(
    lambda how, user_id, group_id: (
        lambda work: getattr(work.memberships, how)(Membership(user_id=user_id, group_id=group_id))
    ),
    st.sampled_from(["add", "remove"]),
    ids("u"),
    ids("g"),
)
SWITCH_ID = switch(1).switch_id[:-1]

ORDINARY = (
    put("users", having(user, status=st.sampled_from(UserStatus))),
    put("groups", having(group, description=st.sampled_from("xy"))),
    MEMBERSHIP,
    put("keys", having(client_key, user_id=ids("u"), prefix=st.sampled_from("pq"), created_at=TIMES)),
    put("mcps", having(mcp, description=st.sampled_from("xy"))),
    put("grants", having(grant, group_id=ids("g"), mcp_id=ids("m"), created_at=TIMES)),
    put("grants", having(grant, group_id=st.none(), user_id=ids("u"), mcp_id=ids("m"), created_at=TIMES)),
    remove("grants", "r"),
    put(
        "switches",
        having(
            switch,
            scope=st.sampled_from([SwitchScope.USER, SwitchScope.MCP]),
            target=st.sampled_from([None, "u1"]),
            drill=st.booleans(),
            lifted_at=st.sampled_from([None, NOW]),
            created_at=TIMES,
        ),
    ),
    remove("switches", SWITCH_ID),
    put(
        "limits",
        having(
            limit,
            scope=st.sampled_from([LimitScope.USER, LimitScope.EVERYONE]),
            target=st.sampled_from([None, "u1"]),
            value=FEW,
        ),
    ),
    remove("limits", "l"),
    put("issuers", having(issuer, group_map=st.sampled_from([{}, {"a": "group-1"}]))),
    remove("issuers", "i"),
    put("subscriptions", having(subscription, key_id=ids("k"), mcp_id=ids("m"))),
    remove("subscriptions", "b"),
)
CASCADING = (remove("users", "u"), remove("groups", "g"), remove("keys", "k"), remove("mcps", "m"))
TRANSACTIONS = st.lists(
    st.tuples(
        st.lists(st.one_of(*ORDINARY), min_size=1, max_size=6),
        st.lists(st.one_of(*CASCADING), max_size=1) | st.just([]) | st.just([]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


async def furnish(work: UnitOfWork) -> None:
    """Store objects of every kind, so that most writes find the objects they refer to."""
    for number in (1, 2, 3):
        await work.users.add(user(number))
        await work.groups.add(group(number))
        await work.mcps.add(mcp(number))
    for number in (1, 2):
        await work.memberships.add(Membership(user_id="u1", group_id=f"g{number}"))
        await work.keys.add(client_key(number))
        await work.grants.add(grant(number))
        await work.switches.add(switch(number))
    await work.subscriptions.add(subscription())


async def from_scratch(store: Store) -> Snapshot:
    """Return the snapshot of a server that has just started."""
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    return keeper.snapshot


async def follow(store: Store, story: Sequence[tuple[list[Write], list[Write], bool]]) -> None:
    """Write transaction by transaction; the policy keeper always has the policy of the store when it refreshes."""
    async with store.write() as work:
        await furnish(work)
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    seen: list[tuple[Snapshot, Snapshot]] = []
    for ordinary, cascading, looks in story:
        async with store.write() as work:
            for write in (*ordinary, *cascading):
                with suppress(ConflictError, NotFoundError):
                    await write(work)
        if looks:
            await keeper.refresh()
            seen.append((keeper.snapshot, await from_scratch(store)))
    await keeper.refresh()
    seen.append((keeper.snapshot, await from_scratch(store)))
    for amended, built in seen:
        assert amended == built


@given(TRANSACTIONS)
def test_amended_equals_built_in_memory(story) -> None:
    asyncio.run(follow(InMemoryStore(), story))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@examples(25)
@given(story=TRANSACTIONS)
def test_amended_equals_built_on_sqlite(template: Path, story) -> None:
    async def run(path: Path) -> None:
        store = await open_store(f"sqlite:///{path}")
        try:
            await follow(store, story)
        finally:
            await store.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(shutil.copy(template, folder))))


async def test_unchanged_parts_are_shared_between_snapshots() -> None:
    store = InMemoryStore()
    async with store.write() as work:
        await furnish(work)
    keeper = PolicyKeeper(store=store, clock=ManualClock())
    await keeper.refresh()
    before = keeper.snapshot
    async with store.write() as work:
        await work.users.replace(replace(user(1), status=UserStatus.SUSPENDED))
        await work.mcps.replace(mcp(1))
    await keeper.refresh()
    after = keeper.snapshot
    differing = {name for name in Snapshot.__slots__ if getattr(before, name) is not getattr(after, name)}
    assert differing == {"version", "users"}
    assert before.users["u1"].status is UserStatus.ACTIVE
