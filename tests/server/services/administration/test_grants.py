"""A grant that is put repeatedly exists once, and only a difference is changed and recorded."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.policy.grants import Delivery, Effect
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import ConflictError, InvalidInputError, NotFoundError
from ambassador_server.services.administration.grants import Grants, GrantSpec
from ambassador_server.services.changes.writing import WriteResult
from tests.server.services.world import ROOT, World

SPEC = GrantSpec(group="developers", mcp="git", patterns=("log", "git.log", "tag*"), effect=Effect.PERMIT)
HOUR = timedelta(hours=1)


async def build() -> tuple[World, Grants]:
    world = await World.build()
    return world, Grants(store=world.store, changes=world.changes, clock=world.clock)


def recorded(world: World) -> list[tuple[AuditAction, dict[str, Any]]]:
    return [(event.action, dict(event.details)) for event in world.log.events]


async def test_putting_a_grant_again_does_nothing():
    world, grants = await build()
    first = await grants.put(ROOT, SPEC)
    version = world.policy.snapshot.version
    again = await grants.put(ROOT, replace(SPEC, patterns=("git.tag*", "git.log")))
    assert (first.result, again.result) == (WriteResult.CREATED, WriteResult.UNCHANGED)
    assert again.item == first.item
    assert first.item.patterns == ("git.log", "git.tag*")
    assert world.policy.snapshot.version == version
    assert [action for action, _ in recorded(world)] == [AuditAction.GRANT_ADD]
    with pytest.raises(ConflictError):
        await grants.add(ROOT, SPEC)


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, patterns=("log",)),
        replace(SPEC, effect=Effect.DENY),
        replace(SPEC, delivery=Delivery.OPT_IN),
    ],
)
async def test_different_grant_is_created_beside_the_first(spec: GrantSpec):
    _, grants = await build()
    first, other = await grants.put(ROOT, SPEC), await grants.put(ROOT, spec)
    assert other.result is WriteResult.CREATED
    assert {first.item.grant_id, other.item.grant_id} < {
        grant.grant_id for grant in (await grants.page(Listing())).items
    }


async def test_changed_expiry_and_owner_are_stored_and_recorded():
    world, grants = await build()
    first = await grants.put(ROOT, replace(SPEC, owner="ci/a"))
    adopted = await grants.put(ROOT, replace(SPEC, owner="ci/b", lifetime=HOUR))
    assert adopted.result is WriteResult.CHANGED
    assert adopted.item == replace(first.item, owner="ci/b", expires_at=world.clock.now() + HOUR)
    action, details = recorded(world)[-1]
    assert action is AuditAction.GRANT_UPDATE
    assert (details["group"], details["mcp"]) == ("developers", "git")
    assert (details["before"]["owner"], details["after"]["owner"]) == ("ci/a", "ci/b")
    assert "tools" not in details["after"]
    kept = await grants.put(ROOT, SPEC)
    assert (kept.item.owner, kept.item.expires_at) == ("ci/b", None)
    freed = await grants.put(ROOT, replace(SPEC, owner=""))
    assert freed.item.owner is None


async def test_expired_grant_is_renewed():
    world, grants = await build()
    await grants.put(ROOT, replace(SPEC, lifetime=HOUR))
    world.clock.advance(7200)
    assert (await grants.put(ROOT, SPEC)).item.expires_at is None


async def test_of_two_equal_grants_the_one_without_a_difference_is_kept():
    _, grants = await build()
    await grants.add(ROOT, replace(SPEC, lifetime=HOUR))
    lasting = await grants.add(ROOT, SPEC)
    found = await grants.put(ROOT, SPEC)
    assert (found.item, found.result) == (lasting, WriteResult.UNCHANGED)


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (replace(SPEC, group="nobody"), NotFoundError),
        (replace(SPEC, mcp="nothing"), NotFoundError),
        (replace(SPEC, patterns=()), InvalidInputError),
        (replace(SPEC, patterns=tuple(f"t{number}" for number in range(101))), InvalidInputError),
        (replace(SPEC, patterns=("a b",)), InvalidInputError),
        (replace(SPEC, owner="a b"), InvalidInputError),
        (replace(SPEC, effect=Effect.DENY, delivery=Delivery.OPT_IN), InvalidInputError),
    ],
)
async def test_invalid_grant_is_refused(spec: GrantSpec, error: type[Exception]):
    world, grants = await build()
    before = await grants.page(Listing())
    for write in (grants.add, grants.put):
        with pytest.raises(error):
            await write(ROOT, spec)
    assert (await grants.page(Listing()), recorded(world)) == (before, [])
