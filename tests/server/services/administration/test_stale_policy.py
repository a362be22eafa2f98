"""While the policy is stale, administrators get an error or nothing, never an answer that looks complete."""

import pytest

from ambassador_server.domain.catalog.mcps import ToolClass
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.domain.shared.listing import Listing
from ambassador_server.errors import PolicyStaleError
from ambassador_server.services.administration.access import AccessQueries
from ambassador_server.services.administration.switch_effects import SwitchEffects
from tests.server.services.world import World
from tests.server.worlds import PRINCIPAL, switch


async def test_nobody_is_told_that_no_user_may_call_a_tool():
    world = await World.build()
    access = AccessQueries(policy=world.policy, catalog=world.catalog)
    assert [found.user.name for found in access.who_can("git.log", Listing()).items] == ["alice"]
    assert [found.user.name for found in access.who_can("git.*", Listing()).items] == ["alice"]
    assert "git.log" in [found.entry.ref.name for found in access.tools_of("alice", Listing()).items]
    world.clock.advance(60)
    for ask in (
        lambda: access.who_can("git.log", Listing()),
        lambda: access.who_can("git.*", Listing()),
        lambda: access.tools_of("alice", Listing()),
    ):
        with pytest.raises(PolicyStaleError):
            ask()


async def test_nobody_is_told_that_a_switch_would_stop_nothing():
    world = await World.build()
    effects = SwitchEffects(
        store=world.store,
        policy=world.policy,
        catalog=world.catalog,
        in_flight=world.in_flight,
        token_clients=tuple,
        clock=world.clock,
    )
    of_class = switch(SwitchScope.TOOL_CLASS, ToolClass.READ_ONLY)
    found = await effects.of(of_class, ())
    assert found is not None
    assert found.tools.count == 1
    world.clock.advance(60)
    assert await effects.of(of_class, ()) is None


async def test_catalog_lists_nothing():
    world = await World.build()
    assert len(world.catalog.visible(PRINCIPAL)) == 3
    world.clock.advance(60)
    with pytest.raises(PolicyStaleError):
        world.catalog.visible(PRINCIPAL)
