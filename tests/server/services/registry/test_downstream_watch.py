"""The downstreams follow the policy: published entries run, and inactive users keep no connection."""

from dataclasses import replace

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus, McpStatus
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from tests.server.services.world import World
from tests.server.worlds import MCP, USER


@pytest.fixture
async def world() -> World:
    built = await World.build()
    watch = DownstreamWatch(
        store=built.store,
        policy=built.policy,
        recorder=Recorder(log=built.log, clock=built.clock),
        downstreams=built.downstreams,
        clock=built.clock,
    )
    await watch.start()
    await built.call()
    return built


@pytest.mark.parametrize("status", UserStatus)
async def test_only_active_users_keep_connections(world: World, status: UserStatus) -> None:
    async with world.store.write() as work:
        await work.users.replace(replace(USER, display_name="Renamed", status=status))
    await world.policy.refresh()
    kept = status is UserStatus.ACTIVE
    assert world.downstreams.dismissed_users == (set() if kept else {USER.user_id})


async def test_archived_mcp_is_stopped(world: World) -> None:
    assert world.downstreams.state(MCP.mcp_id).status is DownstreamStatus.READY
    async with world.store.write() as work:
        await work.mcps.replace(replace(MCP, status=McpStatus.ARCHIVED))
    await world.policy.refresh()
    assert world.downstreams.state(MCP.mcp_id).status is DownstreamStatus.STOPPED
