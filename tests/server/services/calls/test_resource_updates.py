"""A watched resource is told as updated while its principal may read it, and whatever becomes of its downstream."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.catalog.offers import DownstreamFeatures
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import AuditUnavailableError, InvalidInputError, OverloadedError
from ambassador_server.services.calls.resource_updates import ResourceUpdates, Watch
from tests.fakes.clock import START
from tests.fakes.downstream import make_resource
from tests.patience import PATIENCE
from tests.server.services.world import ORIGIN, World
from tests.server.worlds import GRANT, MCP, PRINCIPAL, switch

URI = "memo://1"
FEATURES = DownstreamFeatures(resources=True, resource_subscriptions=True)


async def build(**features: bool) -> tuple[World, ResourceUpdates]:
    world = await World.build()
    world.downstreams.script(
        "git",
        resources=(make_resource(URI), make_resource("memo://2")),
        features=replace(FEATURES, **features),
    )
    updates = ResourceUpdates(
        policy=world.policy, catalog=world.catalog, downstreams=world.downstreams, pipeline=world.calls
    )
    return world, updates


async def watch(updates: ResourceUpdates, told: list[str], uri: str = URI) -> Watch:
    found = await updates.watch(PRINCIPAL, ORIGIN, uri, told.append)
    assert isinstance(found, Watch)
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - a timer makes it true
            await asyncio.sleep(0.005)


async def change(world: World, do: Callable[[Any], Any]) -> None:
    async with world.store.write() as work:
        await do(work)
    await world.policy.refresh()
    await asyncio.sleep(0)  # what follows a new policy is done in the next turn


async def test_a_watch_is_decided_and_recorded_and_gets_no_request_through():
    world, updates = await build()
    told: list[str] = []
    await watch(updates, told)
    assert world.downstreams.calls == []
    assert [(each.action, each.resource.name) for each in world.call_events()] == [
        (AuditAction.RESOURCE_ATTEMPT, URI),
        (AuditAction.RESOURCE_OUTCOME, URI),
    ]
    assert world.call_events()[0].details["method"] == "resources/subscribe"


async def test_a_flood_of_updates_is_told_as_one_and_parts_by_name():
    world, updates = await build()
    told: list[str] = []
    await watch(updates, told)
    for _ in range(1000):
        world.downstreams.update("git", URI)
    (fake,) = world.downstreams.watches
    fake.listener(b'{"uri":"memo://1/part"}')
    for malformed in (b"", b"[]", b'{"uri":7}', b"{}", b"[" * 10_000):
        fake.listener(malformed)
    await until(lambda: bool(told))
    assert told == [URI, "memo://1/part"]


async def test_a_flood_of_parts_is_told_as_the_whole():
    world, updates = await build()
    told: list[str] = []
    await watch(updates, told)
    (fake,) = world.downstreams.watches
    for number in range(1000):
        fake.listener(b'{"uri":"memo://1/%d"}' % number)
    await until(lambda: bool(told))
    assert len(told) == 17
    assert URI in told


async def test_a_closed_watch_tells_nothing():
    world, updates = await build()
    told: list[str] = []
    first, second = await watch(updates, told), await watch(updates, told, "memo://2")
    world.downstreams.update("git", URI)
    first.close()
    first.close()
    assert (len(updates), len(world.downstreams.watches)) == (1, 1)
    world.downstreams.update("git", "memo://2")
    await until(lambda: bool(told))
    assert told == ["memo://2"]
    second.close()


async def test_what_is_denied_or_sends_no_updates_is_not_watched():
    world, updates = await build()
    denied = await updates.watch(PRINCIPAL, ORIGIN, "ambassador:none:memo://1", [].append)
    assert isinstance(denied, Deny)
    assert denied.reason is Reason.UNKNOWN_RESOURCE
    world.downstreams.script("git", resources=(make_resource(URI),))
    with pytest.raises(InvalidInputError, match="tells of no updates"):
        await updates.watch(PRINCIPAL, ORIGIN, URI, [].append)
    assert (len(updates), world.downstreams.watches) == (0, [])


async def test_what_cannot_be_recorded_is_not_watched():
    world, updates = await build()
    world.log.break_down()
    with pytest.raises(AuditUnavailableError):
        await updates.watch(PRINCIPAL, ORIGIN, URI, [].append)
    assert (len(updates), world.downstreams.watches) == (0, [])


async def test_a_grant_that_is_gone_ends_the_watch_at_the_next_update():
    world, updates = await build()
    told: list[str] = []
    await watch(updates, told)
    await change(world, lambda work: work.grants.remove(GRANT.grant_id))
    world.downstreams.update("git", URI)
    await until(lambda: not len(updates))
    assert (told, world.downstreams.watches) == ([], [])


async def test_a_kill_switch_holds_updates_back_without_ending_the_watch():
    world, updates = await build()
    world.downstreams.script("notes", resources=(make_resource("note://1"),), features=FEATURES)
    async with world.store.write() as work:
        await work.mcps.add(replace(MCP, mcp_id="m2", name="notes"))
        await work.grants.add(replace(GRANT, grant_id="second", mcp_id="m2"))
    await world.policy.refresh()
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    told: list[str] = []
    await watch(updates, told)
    await watch(updates, told, "note://1")
    stop = switch(SwitchScope.MCP, "m1")
    await change(world, lambda work: work.switches.add(stop))
    # The update that is told comes later than the one that is held back.
    world.downstreams.update("git", URI)
    world.downstreams.update("notes", "note://1")
    await until(lambda: bool(told))
    assert told == ["note://1"]
    await change(world, lambda work: work.switches.replace(replace(stop, lifted_at=START, lifted_by="root")))
    world.downstreams.update("git", URI)
    await until(lambda: told == ["note://1", URI])


async def test_an_update_waits_while_the_policy_is_stale():
    world, updates = await build()
    told: list[str] = []
    watching = await watch(updates, told)
    world.clock.advance(60)
    world.downstreams.update("git", URI)
    decided = updates.decide(watching)
    assert isinstance(decided, Deny)
    assert decided.reason is Reason.POLICY_STALE
    await world.policy.refresh()
    await until(lambda: told == [URI])


async def test_a_downstream_that_was_replaced_is_watched_again():
    world, updates = await build()
    told: list[str] = []
    await watch(updates, told)
    await change(world, lambda work: work.mcps.replace(replace(MCP, description="new")))
    world.downstreams.update("git", URI)
    await until(lambda: told == [URI])
    await change(world, lambda work: work.mcps.replace(replace(MCP, status=McpStatus.ARCHIVED)))
    await change(world, lambda work: work.mcps.replace(MCP))
    world.downstreams.update("git", URI)
    await until(lambda: told == [URI, URI])
    assert len(world.downstreams.watches) == 1


async def test_a_downstream_with_too_many_watches_ends_those_that_it_does_not_take_again(
    monkeypatch: pytest.MonkeyPatch,
):
    world, updates = await build()
    await watch(updates, [])

    def refuse(*_: object, **__: object) -> None:
        raise OverloadedError("too many")

    monkeypatch.setattr(world.downstreams, "watch_resource", refuse)
    await change(world, lambda work: work.mcps.replace(replace(MCP, description="new")))
    assert len(updates) == 0
    with pytest.raises(OverloadedError):
        await updates.watch(PRINCIPAL, ORIGIN, URI, [].append)
