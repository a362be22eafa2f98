"""Expired grants stay for 30 days, and are then removed with a record, a bounded number at a time."""

from dataclasses import replace
from datetime import timedelta

from ambassador_server.domain.audit.events import SYSTEM, AuditAction
from ambassador_server.services.administration import expired_grants
from ambassador_server.services.administration.expired_grants import KEPT, KEPT_OF_REQUEST, ExpiredGrants
from tests.server.services.world import World
from tests.server.worlds import GRANT


async def build(*lifetimes: timedelta) -> tuple[World, ExpiredGrants]:
    """Return a world with the lasting grant and one more for each lifetime."""
    world = await World.build()
    now = world.clock.now()
    async with world.store.write() as work:
        for number, lifetime in enumerate(lifetimes):
            await work.grants.add(replace(GRANT, grant_id=f"ending-{number}", expires_at=now + lifetime))
    await world.policy.refresh()
    return world, ExpiredGrants(policy=world.policy, changes=world.changes, clock=world.clock)


def kept(world: World) -> list[str]:
    return sorted(world.policy.snapshot.grants_by_id)


async def test_an_expired_grant_is_removed_after_its_time_and_recorded():
    world, expired = await build(timedelta(hours=1), timedelta(days=90))
    world.clock.advance(3600 + KEPT.total_seconds() - 1)
    version = world.policy.snapshot.version
    await expired.remove_old()
    assert kept(world) == ["ending-0", "ending-1", "permit"]
    assert world.policy.snapshot.version == version
    world.clock.advance(1)
    await expired.remove_old()
    assert kept(world) == ["ending-1", "permit"]
    (event,) = world.log.events
    assert (event.action, event.actor) == (AuditAction.GRANT_REMOVE, SYSTEM)
    assert (event.resource.id, event.details["group"], event.details["mcp"]) == (
        "ending-0",
        "developers",
        "git",
    )


async def test_a_grant_of_a_request_is_removed_after_a_day_and_named_with_the_request():
    world, expired = await build(timedelta(hours=1))
    own = replace(
        GRANT,
        grant_id="ending-0",
        expires_at=world.clock.now() + timedelta(hours=1),
        group_id=None,
        user_id="u1",
        request_id="q1",
    )
    async with world.store.write() as work:
        await work.grants.replace(own)
    await world.policy.refresh()
    world.clock.advance(3600 + KEPT_OF_REQUEST.total_seconds() - 1)
    await expired.remove_old()
    assert kept(world) == ["ending-0", "permit"]
    world.clock.advance(1)
    await expired.remove_old()
    assert kept(world) == ["permit"]
    (event,) = world.log.events
    assert event.details.items() >= {"user": "alice", "request": "q1", "mcp": "git"}.items()
    assert "group" not in event.details


async def test_a_grant_that_was_renewed_or_removed_meanwhile_is_left_alone():
    world, expired = await build(timedelta(hours=1), timedelta(hours=1), timedelta(hours=1))
    world.clock.advance(3600 + KEPT.total_seconds())
    async with world.store.write() as work:
        await work.grants.remove("ending-0")
        await work.grants.replace(replace(GRANT, grant_id="ending-1"))
    await expired.remove_old()
    assert kept(world) == ["ending-1", "permit"]


async def test_one_run_removes_a_bounded_number(monkeypatch):
    monkeypatch.setattr(expired_grants, "MOST_AT_ONCE", 2)
    world, expired = await build(*[timedelta(hours=1)] * 3)
    world.clock.advance(3600 + KEPT.total_seconds())
    await expired.remove_old()
    assert len(kept(world)) == 2
    await expired.remove_old()
    assert kept(world) == ["permit"]
