"""The first user who gives a credential shows what an MCP offers that the server cannot list by itself."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from ambassador_server.domain.catalog.credential_needs import (
    NO_CREDENTIALS,
    CredentialField,
    CredentialNeeds,
    Place,
)
from ambassador_server.domain.catalog.mcps import McpStatus
from ambassador_server.domain.people.credentials import CredentialStatus, UserCredential
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.services.registry.first_lists import FirstLists
from tests.conformance.store_samples import issuer as sample
from tests.fakes.downstream import Script
from tests.server.services.registry.test_credential_rules import ASSERTED
from tests.server.services.world import World
from tests.server.worlds import MCP, PRINCIPAL, USER, switch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIELD = CredentialField(name="token", place=Place.HEADER, target="X-Token")
NEEDS = CredentialNeeds(fields=(FIELD,))
GIVEN = UserCredential(
    credential_id="c1",
    user_id=USER.user_id,
    mcp_id=MCP.mcp_id,
    fields=("token",),
    generation="g1",
    status=CredentialStatus.ACTIVE,
    created_at=NOW,
    updated_at=NOW,
)


async def world_of(needs: CredentialNeeds, status: McpStatus = McpStatus.PUBLISHED) -> World:
    world = await World.build()
    world.downstreams.apply([])
    first = FirstLists(policy=world.policy, lender=world.lender, downstreams=world.downstreams)
    async with world.store.write() as work:
        await work.mcps.replace(replace(MCP, credentials=needs, status=status))
    await world.policy.refresh()
    first.start()
    return world


async def give(world: World) -> None:
    async with world.store.write() as work:
        await work.credentials.add(GIVEN)
    await world.policy.refresh()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_who_gives_the_first_credential_is_connected():
    world = await world_of(NEEDS)
    lent = world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    await give(world)
    assert world.downstreams.connected_users == [(MCP.mcp_id, USER.user_id, lent)]


@pytest.mark.parametrize(
    "needs", [NO_CREDENTIALS, CredentialNeeds(fields=(replace(FIELD, listing_reference="env://LISTS"),))]
)
async def test_an_mcp_that_the_server_lists_itself_connects_nobody(needs: CredentialNeeds):
    world = await world_of(needs)
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    await give(world)
    assert world.downstreams.connected_users == []


async def test_an_mcp_whose_lists_are_known_connects_nobody():
    world = await world_of(NEEDS)
    world.downstreams.scripts["git"] = Script()
    world.downstreams.apply(world.policy.snapshot.mcps.values())
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    await give(world)
    assert world.downstreams.connected_users == []


async def test_a_draft_connects_nobody():
    world = await world_of(NEEDS, McpStatus.DRAFT)
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    await give(world)
    assert world.downstreams.connected_users == []


async def test_a_credential_that_cannot_be_lent_connects_nobody():
    world = await world_of(NEEDS)
    world.lender.error = DownstreamUnavailableError("no token")
    await give(world)
    assert world.downstreams.connected_users == []


async def test_an_mcp_that_moves_while_the_credential_is_read_connects_nobody():
    world = await world_of(NEEDS)
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")

    async def move() -> None:
        moved = replace(MCP, credentials=NEEDS, options={"command": "other"}, status=McpStatus.PUBLISHED)
        async with world.store.write() as work:
            await work.mcps.replace(moved)
        await world.policy.refresh()
        moves.set()

    moves = asyncio.Event()
    world.lender.before_lending = move
    await give(world)
    await moves.wait()
    await asyncio.sleep(0)
    assert world.downstreams.connected_users == []


async def test_who_asks_for_a_list_with_a_credential_is_connected():
    world = await world_of(NEEDS)
    world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    await give(world)
    world.downstreams.connected_users.clear()
    first = FirstLists(policy=world.policy, lender=world.lender, downstreams=world.downstreams)
    for user_id in (USER.user_id, USER.user_id, "another"):
        first.asked(structs.replace(PRINCIPAL, user_id=user_id))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [user_id for _, user_id, _ in world.downstreams.connected_users] == [USER.user_id]


@pytest.mark.parametrize(
    ("issuer", "group", "switched", "connected"),
    [
        ("sso", True, False, True),
        ("other", True, False, False),
        ("sso", False, False, False),
        ("sso", True, True, False),
        (None, True, False, False),
    ],
    ids=["granted", "other issuer", "no grant", "switch", "key"],
)
async def test_who_asks_with_a_token_of_the_provider_and_may_use_the_mcp_is_connected(
    issuer: str | None, group: bool, switched: bool, connected: bool
):
    world = await world_of(CredentialNeeds(oauth=ASSERTED))
    async with world.store.write() as work:
        await work.issuers.add(sample(issuer_id="i1", name="sso"))
        if not group:
            await work.memberships.remove(Membership(user_id="u1", group_id="g1"))
        if switched:
            await work.switches.add(switch(SwitchScope.MCP, MCP.mcp_id))
    await world.policy.refresh()
    lent = world.lender.give(USER.user_id, MCP.mcp_id, "hers")
    token = PresentedToken(issuer_id="i1", expires_at=world.clock.now() + timedelta(hours=1))
    principal = structs.replace(PRINCIPAL, key_name=issuer or "laptop", token=token if issuer else None)
    first = FirstLists(policy=world.policy, lender=world.lender, downstreams=world.downstreams)
    for _ in range(3):
        first.asked(principal)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    expected = [(MCP.mcp_id, USER.user_id, lent)] if connected else []
    assert world.downstreams.connected_users == expected


async def test_a_credential_that_is_replaced_while_it_is_read_connects_nobody_with_the_old_one():
    world = await world_of(NEEDS)
    world.lender.give(USER.user_id, MCP.mcp_id, "old")

    async def change() -> None:
        async with world.store.write() as work:
            await work.credentials.replace(replace(GIVEN, generation="g2"))
        await world.policy.refresh()

    world.lender.before_lending = change
    await give(world)
    assert world.downstreams.connected_users == []
