"""Listeners are told of a change exactly if what their principal sees has changed, and many of them cost little."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.people.client_keys import KeyStatus
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.services.calls.list_changes import ListChanges, ListListener
from tests.conformance.store_samples import issuer
from tests.fakes.clock import START
from tests.fakes.downstream import make_prompt, make_resource, make_tool
from tests.patience import PATIENCE
from tests.server.services.world import World
from tests.server.worlds import GRANT, GROUP, KEY, MCP, PRINCIPAL, USER, switch

TOOL, RESOURCE, PROMPT = CapabilityKind.TOOL, CapabilityKind.RESOURCE, CapabilityKind.PROMPT
OTHER = replace(USER, user_id="u2", name="bob")
OTHER_KEY = replace(KEY, key_id="k2", user_id="u2", prefix="bcdefghi")
OTHER_GROUP = replace(GROUP, group_id="g2", name="others")
OTHER_MCP = replace(MCP, mcp_id="m2", name="notes")
BOB = type(PRINCIPAL)(user_id="u2", user_name="bob", key_id="k2", key_name="laptop", session_id="s2")


class Ear:
    """A listener that remembers what it was told."""

    def __init__(
        self, principal: Any = PRINCIPAL, seen: Any = None, kinds: Any = (TOOL, RESOURCE, PROMPT)
    ) -> None:
        self.heard: list[CapabilityKind] = []
        self.stops = 0
        self.listener = ListListener(principal, kinds, self.heard.append, self._stopped, seen)

    def _stopped(self) -> None:
        self.stops += 1


async def build() -> tuple[World, ListChanges]:
    """Return a world with two users in groups of their own, and two MCPs, one for each."""
    world = await World.build()
    world.downstreams.script("notes", make_tool("write"))
    async with world.store.write() as work:
        await work.users.add(OTHER)
        await work.keys.add(OTHER_KEY)
        await work.groups.add(OTHER_GROUP)
        await work.memberships.add(Membership(user_id="u2", group_id="g2"))
        await work.mcps.add(OTHER_MCP)
        await work.grants.add(replace(GRANT, grant_id="second", group_id="g2", mcp_id="m2"))
    await world.policy.refresh()
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    changes = ListChanges(
        policy=world.policy,
        catalog=world.catalog,
        downstreams=world.downstreams,
        session_is_open=lambda _: True,
        debounce_seconds=0.0,
    )
    return world, changes


async def until(holds: Callable[[], bool]) -> None:
    """Wait until this is true."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - other tasks make it true
            await asyncio.sleep(0.001)


async def settled(world: World, changes: ListChanges) -> None:
    """Wait until another listener has been told of a later change, so that a round is over."""
    probe = Ear(BOB, seen={TOOL: 1}, kinds=(TOOL,))
    await changes.listen(probe.listener)
    probe.heard.clear()
    world.downstreams.script("notes", make_tool(f"round-{time.monotonic_ns()}"))
    await until(lambda: bool(probe.heard))
    changes.leave(probe.listener)


async def change(world: World, do: Callable[[Any], Any]) -> None:
    """Change the policy in the store, and follow it."""
    async with world.store.write() as work:
        await do(work)
    await world.policy.refresh()


async def test_a_new_list_of_a_downstream_is_told_to_those_who_may_use_it():
    world, changes = await build()
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    world.downstreams.script("git", make_tool("log", readOnlyHint=True), make_tool("blame"))
    await until(lambda: alice.heard == [TOOL])
    world.downstreams.script(
        "git", make_tool("log"), make_tool("blame"), resources=(make_resource("memo://1"),)
    )
    await until(lambda: len(alice.heard) == 3)
    assert sorted(alice.heard[1:]) == [RESOURCE, TOOL]
    world.downstreams.script(
        "git",
        make_tool("log"),
        make_tool("blame", description="Blame."),
        resources=(make_resource("memo://1"),),
        prompts=(make_prompt("greet"),),
    )
    await until(lambda: len(alice.heard) == 5)
    assert sorted(alice.heard[3:]) == [PROMPT, TOOL]
    await settled(world, changes)
    assert len(alice.heard) == 5
    assert set(bob.heard) == {TOOL}


async def test_a_downstream_that_comes_back_with_the_same_list_is_no_change():
    world, changes = await build()
    alice = Ear()
    await changes.listen(alice.listener)
    world.downstreams.lose("git")
    world.downstreams.scripts["git"].error = None
    world.downstreams.restart("m1")
    await settled(world, changes)
    assert alice.heard == []


async def test_a_grant_is_told_to_its_group_alone():
    world, changes = await build()
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    await change(world, lambda work: work.grants.add(replace(GRANT, grant_id="third", group_id="g2")))
    await until(lambda: bob.heard == [TOOL])
    assert alice.heard == []
    await change(world, lambda work: work.grants.add(replace(GRANT, grant_id="again", group_id="g2")))
    await settled(world, changes)
    assert alice.heard == []


async def test_a_kill_switch_and_its_end_are_changes_and_stop_no_listener():
    world, changes = await build()
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    stop = switch(SwitchScope.USER, "u1")
    await change(world, lambda work: work.switches.add(stop))
    await until(lambda: alice.heard == [TOOL])
    await change(world, lambda work: work.switches.replace(replace(stop, lifted_at=START, lifted_by="root")))
    await until(lambda: alice.heard == [TOOL, TOOL])
    assert (bob.heard, alice.stops) == ([], 0)


async def test_a_revoked_key_stops_its_listeners():
    world, changes = await build()
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    await change(world, lambda work: work.keys.replace(replace(KEY, status=KeyStatus.REVOKED)))
    await until(lambda: alice.stops == 1)
    assert (len(changes), bob.stops, alice.heard) == (1, 0, [])


async def test_an_ended_session_stops_its_listeners():
    world, changes = await build()
    changes = ListChanges(
        policy=world.policy,
        catalog=world.catalog,
        downstreams=world.downstreams,
        session_is_open=lambda session_id: session_id == "s2",
    )
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    await changes.stop_ended_sessions()
    assert (alice.stops, bob.stops, len(changes)) == (1, 0, 1)


async def test_an_access_token_that_ends_and_an_issuer_that_goes_stop_their_listeners():
    world, changes = await build()
    await change(world, lambda work: work.issuers.add(issuer()))
    token = PresentedToken(issuer_id="i1", expires_at=world.clock.now() + timedelta(seconds=10))
    short, long = (
        Ear(msgspec.structs.replace(PRINCIPAL, session_id=None, token=each))
        for each in (token, msgspec.structs.replace(token, expires_at=START + timedelta(days=1)))
    )
    for each in (short, long):
        await changes.listen(each.listener)
    world.clock.advance(69)
    await changes.stop_ended_sessions()
    assert (short.stops, len(changes)) == (0, 2)
    world.clock.advance(1)
    await changes.stop_ended_sessions()
    assert (short.stops, long.stops) == (1, 0)
    await change(world, lambda work: work.issuers.remove("i1"))
    await until(lambda: long.stops == 1)
    assert len(changes) == 0


async def test_those_who_are_refused_are_stopped_before_lists_are_compared(monkeypatch: Any):
    """The lists of many principals take long to compare, and a user who has left must not wait for that."""
    world, changes = await build()
    alice, bob, silent = Ear(), Ear(BOB), Ear(BOB, kinds=())
    for each in (alice, bob, silent):
        await changes.listen(each.listener)
    compared: list[int] = []
    compare = changes._compare

    async def noted(listener: ListListener, **how: bool) -> None:
        compared.append(bob.stops + silent.stops)
        await compare(listener, **how)

    monkeypatch.setattr(changes, "_compare", noted)
    await change(world, lambda work: work.users.replace(replace(OTHER, status=UserStatus.SUSPENDED)))
    await until(lambda: bool(compared))
    assert set(compared) == {2}
    assert (alice.stops, bob.stops, silent.stops, len(changes)) == (0, 1, 1, 1)


async def test_the_end_of_a_grant_is_told_without_any_other_change():
    world, changes = await build()
    ends = world.clock.now() + timedelta(seconds=0.2)
    await change(
        world,
        lambda work: work.grants.add(replace(GRANT, grant_id="third", group_id="g2", expires_at=ends)),
    )
    bob = Ear(BOB)
    await changes.listen(bob.listener)
    world.clock.advance(1)
    await world.policy.refresh()
    await until(lambda: bob.heard == [TOOL])


@pytest.mark.parametrize("ticks", range(2, 14))
async def test_a_grant_that_ends_at_any_moment_of_a_round_is_told(ticks: int, monkeypatch: Any):
    """The clock goes on with every look at it, so that the grant ends before, in and after the first round."""
    world, changes = await build()
    own = replace(GRANT, grant_id="own", group_id=None, user_id="u2", patterns=("git.push",))
    look = world.clock.now

    def now() -> Any:
        world.clock.advance(0.01)
        return look()

    await change(world, lambda work: work.grants.add(own))
    bob = Ear(BOB)
    await changes.listen(bob.listener)
    ends = look() + timedelta(seconds=0.01 * ticks)
    monkeypatch.setattr(world.clock, "now", now)
    await change(world, lambda work: work.grants.replace(replace(own, expires_at=ends)))
    await until(lambda: bob.heard == [TOOL])


async def test_what_an_older_policy_permits_is_never_taken_for_the_result_of_a_newer_one():
    """A newer policy comes, and is looked at, between two lists of one listener."""
    world, changes = await build()
    world.downstreams.script("git", make_tool("log"), prompts=(make_prompt("greet"),))
    older = world.policy.snapshot
    await change(world, lambda work: work.grants.replace(replace(GRANT, patterns=("git.nothing",))))
    newer, alice, bob, again = world.policy.snapshot, Ear(), Ear(BOB), Ear()

    world.policy.snapshot = older
    first = asyncio.create_task(changes.listen(alice.listener))
    await asyncio.sleep(0)
    world.policy.snapshot = newer
    await changes.listen(bob.listener)
    await first
    await changes.listen(again.listener)
    assert alice.listener.seen[TOOL] != again.listener.seen[TOOL]
    assert alice.listener.seen[PROMPT] != again.listener.seen[PROMPT]


async def test_a_grant_for_one_user_is_told_to_that_user_alone():
    """Principals with the same groups share what was computed, but one of them may have a grant of their own."""
    world, changes = await build()
    await change(world, lambda work: work.memberships.add(Membership(user_id="u1", group_id="g2")))
    await change(world, lambda work: work.memberships.add(Membership(user_id="u2", group_id="g1")))
    await change(world, lambda work: work.grants.replace(replace(GRANT, patterns=("git.log",))))
    alice, bob = Ear(), Ear(BOB)
    for each in (alice, bob):
        await changes.listen(each.listener)
    own = replace(GRANT, grant_id="own", group_id=None, user_id="u2", patterns=("git.push",))
    await change(world, lambda work: work.grants.add(own))
    await until(lambda: bob.heard == [TOOL])
    assert alice.heard == []


async def test_a_later_listener_learns_what_has_changed_meanwhile():
    world, changes = await build()
    first = Ear()
    await changes.listen(first.listener)
    changes.leave(first.listener)
    same = Ear(seen=first.listener.seen)
    await changes.listen(same.listener)
    assert same.heard == []
    changes.leave(same.listener)
    world.downstreams.script("git", make_tool("log"))
    assert (first.heard, same.heard) == ([], [])
    later = Ear(seen=first.listener.seen)
    await changes.listen(later.listener)
    assert later.heard == [TOOL]


async def test_a_stale_policy_is_no_change():
    world, changes = await build()
    alice = Ear()
    await changes.listen(alice.listener)
    world.clock.advance(60)
    world.downstreams.script("git", make_tool("log"))
    newcomer = Ear()
    await changes.listen(newcomer.listener)
    assert (alice.heard, newcomer.heard) == ([], [])
    await change(world, lambda work: work.grants.replace(replace(GRANT, patterns=("git.l*",))))
    await until(lambda: alice.heard == [TOOL])
    # A list that could not be confirmed when the listener came may be another one now.
    assert sorted(newcomer.heard) == [PROMPT, RESOURCE, TOOL]


@pytest.mark.parametrize("number", [5000])
async def test_many_listeners_of_one_group_share_the_work_and_leave_the_loop_free(number: int):
    world, changes = await build()
    world.downstreams.script("git", *(make_tool(f"tool-{each}") for each in range(2000)))
    ears = [Ear() for _ in range(number)]
    began = time.process_time()
    for each in ears:
        await changes.listen(each.listener)
    listening = time.process_time() - began
    longest, last, over = 0.0, time.thread_time(), asyncio.Event()

    async def measure() -> None:
        nonlocal longest, last
        while not over.is_set():
            last = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - last)

    measuring = asyncio.create_task(measure())
    await asyncio.sleep(0)
    world.downstreams.script("git", *(make_tool(f"tool-{each}") for each in range(1999)))
    await until(lambda: all(each.heard == [TOOL] for each in ears))
    over.set()
    await measuring
    # Far below what 5,000 lists of 2,000 tools would take, each computed for itself: about 10 s.
    assert listening < 2.0
    # One slice of the work, and the reading of the new list by the index: a tenth of that at most. Processor time
    # counts twice as much on a machine whose caches others use.
    assert longest < 1.0
