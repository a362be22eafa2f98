"""The downstreams follow the policy: published entries run, and inactive users keep no connection."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus, McpStatus
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.domain.people.users import UserStatus
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from tests.server.services.world import World
from tests.server.worlds import MCP, USER

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


def credential(generation: str, status: CredentialStatus = CredentialStatus.ACTIVE) -> UserCredential:
    return UserCredential(
        credential_id="c1",
        user_id=USER.user_id,
        mcp_id=MCP.mcp_id,
        fields=("token",),
        generation=generation,
        status=status,
        created_at=NOW,
        updated_at=NOW,
    )


async def test_connections_with_a_replaced_or_removed_credential_are_told_apart(world: World) -> None:
    pair = (MCP.mcp_id, USER.user_id)
    async with world.store.write() as work:
        await work.credentials.add(credential("g1"))
    await world.policy.refresh()
    assert world.downstreams.is_changed(*pair)
    assert not world.downstreams.is_changed(MCP.mcp_id, "another")
    steps = [
        (replace(credential("g1"), updated_at=NOW + timedelta(seconds=1)), False),
        (credential("g2"), True),
        (credential("g2", CredentialStatus.DEAD), True),
    ]
    for given, is_changed in steps:
        async with world.store.write() as work:
            await work.credentials.replace(given)
        await world.policy.refresh()
        assert world.downstreams.is_changed(*pair) is is_changed
    async with world.store.write() as work:
        await work.credentials.remove("c1")
    await world.policy.refresh()
    assert world.downstreams.is_changed(*pair)
