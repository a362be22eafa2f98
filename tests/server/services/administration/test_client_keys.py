"""Keys are ensured, suspended and rotated: a repeated request issues no second key, and subscriptions are kept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.people.client_keys import ClientKey, KeyStatus
from ambassador_server.domain.policy.grants import CapabilityPatterns
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.services.administration.client_keys import ClientKeys, KeySpec
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.changes.writing import WriteResult
from tests.server.services.world import ROOT, World
from tests.server.worlds import KEY

SPEC = KeySpec(user="alice", name="ci", owner="ci/keys")
HOUR = timedelta(hours=1)


async def build() -> tuple[World, ClientKeys]:
    world = await World.build()
    return world, ClientKeys(store=world.store, changes=world.changes, clock=world.clock, pepper=b"p" * 32)


async def stored(world: World) -> list[ClientKey]:
    async with world.store.read() as work:
        return await work.keys.all()


def recorded(world: World) -> list[tuple[AuditAction, dict[str, Any]]]:
    return [(event.action, dict(event.details)) for event in world.log.events]


async def test_ensuring_an_existing_key_returns_no_secret_and_changes_nothing():
    world, keys = await build()
    first, again = await keys.ensure(ROOT, SPEC), await keys.ensure(ROOT, replace(SPEC, lifetime=HOUR))
    assert first.secret is not None
    assert again.secret is None
    assert again.written.item == first.written.item
    assert (first.written.result, again.written.result) == (WriteResult.CREATED, WriteResult.UNCHANGED)
    assert [action for action, _ in recorded(world)] == [AuditAction.KEY_ISSUE]
    assert first.secret not in repr(world.log.events)


async def test_owner_of_an_existing_key_is_changed():
    world, keys = await build()
    await keys.ensure(ROOT, SPEC)
    adopted = await keys.ensure(ROOT, replace(SPEC, owner="ci/other"))
    kept = await keys.ensure(ROOT, replace(SPEC, owner=None))
    assert (adopted.secret, adopted.written.item.owner, kept.written.item.owner) == (
        None,
        "ci/other",
        "ci/other",
    )
    action, details = recorded(world)[-1]
    assert (action, details["after"]) == (AuditAction.KEY_UPDATE, {"owner": "ci/other"})


async def test_new_key_is_issued_after_the_old_one_has_expired_or_is_revoked():
    world, keys = await build()
    first = await keys.ensure(ROOT, replace(SPEC, lifetime=HOUR))
    world.clock.advance(7200)
    second = await keys.ensure(ROOT, SPEC)
    await keys.revoke(ROOT, second.written.item.key_id)
    third = await keys.ensure(ROOT, SPEC)
    assert len({first.secret, second.secret, third.secret} - {None}) == 3


async def test_ensuring_a_suspended_key_issues_no_other_key():
    world, keys = await build()
    ensured = await keys.ensure(ROOT, SPEC)
    await keys.update(ROOT, ensured.written.item.key_id, status=KeyStatus.SUSPENDED)
    with pytest.raises(ConflictError):
        await keys.ensure(ROOT, SPEC)
    await keys.update(ROOT, ensured.written.item.key_id, status=KeyStatus.ACTIVE)
    assert (await keys.ensure(ROOT, SPEC)).secret is None
    assert len(await stored(world)) == 2


async def test_status_is_changed_and_recorded_once():
    world, keys = await build()
    for _ in range(2):
        key = await keys.update(ROOT, KEY.key_id, status=KeyStatus.SUSPENDED)
        assert key.status is KeyStatus.SUSPENDED
    assert recorded(world) == [
        (AuditAction.KEY_UPDATE, {"before": {"status": "active"}, "after": {"status": "suspended"}})
    ]
    with pytest.raises(InvalidInputError):
        await keys.update(ROOT, KEY.key_id, status=KeyStatus.REVOKED)
    await keys.revoke(ROOT, KEY.key_id)
    with pytest.raises(ConflictError):
        await keys.update(ROOT, KEY.key_id, status=KeyStatus.ACTIVE)
    with pytest.raises(NotFoundError):
        await keys.update(ROOT, "none", status=KeyStatus.ACTIVE)


async def test_rotated_key_keeps_its_owner_and_its_subscriptions():
    world, keys = await build()
    subscriptions = Subscriptions(
        store=world.store,
        changes=world.changes,
        patterns=PatternChecks(catalog=world.catalog, separator="__"),
        clock=world.clock,
    )
    old = (await keys.ensure(ROOT, SPEC)).written.item
    chosen = await subscriptions.set(ROOT, old.key_id, "git", CapabilityPatterns(("log",)))
    world.clock.advance(1)
    new, _ = await keys.rotate(ROOT, old.key_id, overlap=HOUR)
    assert new.owner == old.owner
    async with world.store.read() as work:
        (taken_over,) = await work.subscriptions.of(key_id=new.key_id)
        assert await work.subscriptions.of(key_id=old.key_id) == [chosen.item]
    assert (taken_over.mcp_id, taken_over.patterns) == ("m1", ("git.log",))
    assert (await keys.ensure(ROOT, SPEC)).written.item.key_id == new.key_id


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (replace(SPEC, user="nobody"), NotFoundError),
        (replace(SPEC, name="a b"), InvalidInputError),
        (replace(SPEC, owner="a b"), InvalidInputError),
    ],
)
async def test_invalid_key_is_refused(spec: KeySpec, error: type[Exception]):
    world, keys = await build()
    with pytest.raises(error):
        await keys.ensure(ROOT, spec)
    with pytest.raises(error):
        await keys.issue(ROOT, spec)
    assert (await stored(world), recorded(world)) == ([KEY], [])
