"""Transactions of every store: all or nothing, one snapshot per reader, one version per change of policy."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.errors import ConflictError, NotFoundError, StorageError
from ambassador_server.ports.store import Store, UnitOfWork
from tests.conformance.store_samples import (
    HOUR,
    NOW,
    add_owners,
    admin_key,
    client_key,
    grant,
    group,
    issuer,
    limit,
    mcp,
    position,
    record,
    session,
    switch,
    tool,
    user,
)
from tests.patience import PATIENCE

Step = Callable[[UnitOfWork], Awaitable[Any]]


class InterruptionError(Exception):
    """An error in the middle of a transaction."""


async def write(store: Store, *steps: Step) -> None:
    """Run the steps in one transaction."""
    async with store.write() as work:
        for step in steps:
            await step(work)


async def interrupt(work: UnitOfWork) -> None:
    """Fail."""
    raise InterruptionError


async def version(store: Store) -> int:
    """Return the policy version that a new reader sees."""
    async with store.read() as work:
        return await work.policy_version()


async def test_exception_undoes_everything(store: Store) -> None:
    steps: list[Step] = [
        add_owners,
        lambda work: work.grants.add(grant()),
        lambda work: work.sessions.add(session()),
        lambda work: work.tools.put("m1", [tool()]),
        lambda work: work.audit.insert([record(1)], position(1)),
    ]
    with pytest.raises(InterruptionError):
        await write(store, *steps, interrupt)
    async with store.read() as work:
        assert await work.users.all() == []
        assert await work.sessions.get("s1") is None
        assert await work.tools.all() == {}
        assert await work.audit.position("w1") is None
        assert await work.audit.last_cursor() == 0
        assert await work.policy_version() == 0


async def test_conflict_that_leaves_the_block_undoes_earlier_changes(store: Store) -> None:
    with pytest.raises(ConflictError):
        await write(store, lambda work: work.users.add(user(1)), lambda work: work.users.add(user(1)))
    async with store.read() as work:
        assert await work.users.all() == []


async def test_cancellation_undoes_everything_and_admits_the_next_writer(store: Store) -> None:
    written = asyncio.Event()

    async def write_and_hang() -> None:
        async with store.write() as work:
            await work.users.add(user(1))
            written.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        task = asyncio.create_task(write_and_hang())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with store.write() as work:
            await work.users.add(user(2))
    async with store.read() as work:
        assert [item.user_id for item in await work.users.all()] == ["u2"]
        assert await work.policy_version() == 1


async def test_cancellation_at_any_point_leaves_all_or_nothing(store: Store) -> None:
    """Each attempt is cancelled one turn of the event loop later, until the write is complete."""

    async def add_two(number: int) -> None:
        async with store.write() as work:
            await work.users.add(user(2 * number))
            await work.users.add(user(2 * number + 1))

    async with asyncio.timeout(PATIENCE):
        for turns in range(100):
            task = asyncio.create_task(add_two(turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
    async with store.read() as work:
        numbers = [int(item.user_id[1:]) for item in await work.users.all()]
        assert sorted(numbers) == sorted(
            2 * (number // 2) + half for number in numbers[::2] for half in (0, 1)
        )
        assert await work.policy_version() == len(numbers) // 2


async def test_uncommitted_changes_are_not_visible(store: Store) -> None:
    async with store.write() as writing:
        await writing.users.add(user())
        async with store.read() as reading:
            assert await reading.users.all() == []
            assert await reading.policy_version() == 0
        assert await writing.users.all() == [user()]
    async with store.read() as reading:
        assert await reading.users.all() == [user()]


async def test_reader_keeps_its_view_while_others_write(store: Store) -> None:
    async with store.write() as work:
        await work.users.add(user(1))
    async with store.read() as reading:
        before = await reading.policy_version()
        async with store.write() as writing:
            await writing.users.add(user(2))
            await writing.users.replace(user(1, name="renamed"))
            await writing.groups.add(group())
        assert await reading.policy_version() == before
        assert await reading.users.all() == [user(1)]
        assert await reading.groups.all() == []
    async with store.read() as reading:
        assert await reading.policy_version() == before + 1
        assert len(await reading.users.all()) == 2


@pytest.mark.parametrize(
    "step",
    [
        lambda work: work.users.add(user(5)),
        lambda work: work.users.replace(user(1, name="x")),
        lambda work: work.grants.remove("r1"),
        lambda work: work.memberships.remove(Membership(user_id="u1", group_id="g1")),
        lambda work: work.sessions.add(session(5)),
        lambda work: work.sessions.touch("s1", seen_at=NOW, expires_at=NOW + HOUR),
        lambda work: work.tools.put("m1", []),
        lambda work: work.audit.insert([record(1)], position(1)),
    ],
)
async def test_reader_cannot_write(store: Store, step: Step) -> None:
    async with store.write() as work:
        await add_owners(work)
    async with store.read() as work:
        with pytest.raises(StorageError, match=r"This unit of work only reads\."):
            await step(work)


POLICY_STEPS: dict[str, Step] = {
    "users.add": lambda work: work.users.add(user(5)),
    "users.replace": lambda work: work.users.replace(user(1, name="x")),
    "groups.add": lambda work: work.groups.add(group(5)),
    "groups.replace": lambda work: work.groups.replace(group(1, description="x")),
    "memberships.add": lambda work: work.memberships.add(Membership(user_id="u1", group_id="g2")),
    "memberships.remove": lambda work: work.memberships.remove(Membership(user_id="u1", group_id="g1")),
    "keys.add": lambda work: work.keys.add(client_key(5)),
    "keys.replace": lambda work: work.keys.replace(client_key(1, name="x")),
    "mcps.add": lambda work: work.mcps.add(mcp(5)),
    "mcps.replace": lambda work: work.mcps.replace(mcp(1, description="x")),
    "grants.add": lambda work: work.grants.add(grant(5)),
    "grants.replace": lambda work: work.grants.replace(grant(1, patterns=())),
    "grants.remove": lambda work: work.grants.remove("r1"),
    "switches.add": lambda work: work.switches.add(switch(5)),
    "switches.replace": lambda work: work.switches.replace(switch(1, lifted_at=NOW)),
    "issuers.add": lambda work: work.issuers.add(issuer(5)),
    "limits.add": lambda work: work.limits.add(limit(5)),
}

OTHER_STEPS: dict[str, Step] = {
    "nothing": lambda work: asyncio.sleep(0),
    "reading": lambda work: work.users.all(),
    "tools": lambda work: work.tools.put("m1", [tool()]),
    "sessions.add": lambda work: work.sessions.add(session(5)),
    "sessions.touch": lambda work: work.sessions.touch("s1", seen_at=NOW, expires_at=NOW + HOUR),
    "sessions.end": lambda work: work.sessions.end("s1", at=NOW, reason="x"),
    "admin_keys.add": lambda work: work.admin_keys.add(admin_key(5)),
    "admin_keys.replace": lambda work: work.admin_keys.replace(admin_key(1, revoked_at=NOW)),
    "audit": lambda work: work.audit.insert([record(1)], position(1)),
}


async def furnish(store: Store) -> int:
    """Store one of everything and return the version after that."""
    async with store.write() as work:
        await add_owners(work)
        await work.groups.add(group(2))
        await work.memberships.add(Membership(user_id="u1", group_id="g1"))
        await work.grants.add(grant())
        await work.switches.add(switch())
        await work.sessions.add(session())
        await work.admin_keys.add(admin_key())
    return await version(store)


@pytest.mark.parametrize("step", POLICY_STEPS.values(), ids=POLICY_STEPS.keys())
async def test_change_of_policy_raises_the_version_by_one(store: Store, step: Step) -> None:
    before = await furnish(store)
    async with store.write() as work:
        await step(work)
        assert await work.policy_version() == before + 1
    assert await version(store) == before + 1


@pytest.mark.parametrize("step", OTHER_STEPS.values(), ids=OTHER_STEPS.keys())
async def test_anything_else_leaves_the_version(store: Store, step: Step) -> None:
    before = await furnish(store)
    async with store.write() as work:
        await step(work)
        assert await work.policy_version() == before
    assert await version(store) == before


async def test_many_changes_in_one_transaction_raise_the_version_once(store: Store) -> None:
    assert await furnish(store) == 1
    async with store.write() as work:
        for step in POLICY_STEPS.values():
            await step(work)
    assert await version(store) == 2


async def test_failed_change_leaves_the_version(store: Store) -> None:
    before = await furnish(store)
    async with store.write() as work:
        with pytest.raises(ConflictError):
            await work.users.add(user(1))
        with pytest.raises(NotFoundError):
            await work.users.replace(user(9))
        with pytest.raises(NotFoundError):
            await work.grants.remove("r9")
        with pytest.raises(NotFoundError):
            await work.memberships.remove(Membership(user_id="u9", group_id="g9"))
    assert await version(store) == before


async def test_change_that_was_rolled_back_leaves_the_version(store: Store) -> None:
    before = await furnish(store)
    with pytest.raises(InterruptionError):
        await write(store, lambda work: work.users.add(user(5)), interrupt)
    assert await version(store) == before


async def test_changes_of_concurrent_writers_are_all_kept_and_counted(store: Store) -> None:
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            *(write(store, lambda work, number=number: work.users.add(user(number))) for number in range(30))
        )
    async with store.read() as work:
        assert len(await work.users.all()) == 30
        assert await work.policy_version() == 30


async def test_only_one_of_two_concurrent_objects_gets_a_name(store: Store) -> None:
    async def claim(number: int) -> bool:
        try:
            await write(store, lambda work: work.users.add(user(number, name="alice")))
        except ConflictError:
            return False
        return True

    async with asyncio.timeout(PATIENCE):
        done = await asyncio.gather(*(claim(number) for number in range(10)))
    assert sum(done) == 1
    assert await version(store) == 1


async def test_no_writer_overwrites_a_change_it_has_not_read(store: Store) -> None:
    """Ten writers read, wait and write back; after a lost update the suspension or a letter would be missing."""
    async with store.write() as work:
        await work.users.add(user(display_name=""))

    async def suspend(work: UnitOfWork) -> None:
        found = await work.users.by_name("user-1")
        await asyncio.sleep(0)
        assert found is not None
        await work.users.replace(replace(found, status=UserStatus.SUSPENDED))

    async def describe(work: UnitOfWork) -> None:
        (found,) = await work.users.all()
        await asyncio.sleep(0)
        await work.users.replace(replace(found, display_name=found.display_name + "x"))

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(write(store, step) for step in [*[describe] * 4, suspend, *[describe] * 5]))
    async with store.read() as work:
        found = await work.users.get("u1")
    assert found is not None
    assert found.status is UserStatus.SUSPENDED
    assert found.display_name == "x" * 9


async def test_readers_and_writers_run_concurrently(store: Store) -> None:
    async def add_both(number: int) -> None:
        async with store.write() as work:
            await work.users.add(user(number))
            await work.groups.add(group(number))

    async def read() -> None:
        async with store.read() as work:
            users = await work.users.all()
            groups = await work.groups.all()
            assert len(users) == len(groups) == await work.policy_version()

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(step for number in range(20) for step in (add_both(number), read(), read())))
    assert await version(store) == 20
