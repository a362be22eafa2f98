"""A search finds nothing that the list of the same principal would not have, whatever is granted, stopped or asked."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ambassador_server.domain.policy.grants import Delivery, Effect, Grant, Subscription
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.errors import PolicyStaleError
from ambassador_server.full_text_index import FullTextIndex
from ambassador_server.services.calls.tool_search import ToolSearch
from ambassador_server.throttling.key_rates import KeyRate
from tests.effort import examples
from tests.fakes.downstream import make_tool
from tests.server.services.world import World
from tests.server.worlds import GRANT, PRINCIPAL, SUBSCRIPTION, switch

PATTERNS = st.lists(
    st.sampled_from(["*", "git.*", "git.l*", "git.log", "*g", "git.push", "other.*"]), min_size=1, max_size=3
)
GRANTS = st.lists(
    st.builds(
        lambda patterns, effect, delivery: replace(
            GRANT,
            patterns=tuple(patterns),
            effect=effect,
            delivery=delivery if effect is Effect.PERMIT else Delivery.AUTOMATIC,
        ),
        PATTERNS,
        st.sampled_from(Effect),
        st.sampled_from(Delivery),
    ),
    max_size=4,
)
SWITCHES = st.lists(
    st.sampled_from(
        [
            switch(SwitchScope.EVERYONE, None),
            switch(SwitchScope.USER, "u1"),
            switch(SwitchScope.MCP, "m1"),
            switch(SwitchScope.TOOL, "git.log"),
            switch(SwitchScope.TOOL_CLASS, "write"),
        ]
    ),
    max_size=2,
    unique_by=lambda each: each.switch_id,
)
CHOICES = st.none() | PATTERNS.map(lambda patterns: replace(SUBSCRIPTION, patterns=tuple(patterns)))
QUERIES = (
    st.sampled_from(["", "git", "log", "push tag", "git__log", "git.push", "git:tag", "does", "\0"])
    | st.text()
)


def search_of(world: World) -> ToolSearch:
    return ToolSearch(
        policy=world.policy,
        catalog=world.catalog,
        build=FullTextIndex,
        recorder=world.recorder,
        calls=KeyRate(10_000, world.clock.monotonic),
    )


async def prepared(
    grants: Sequence[Grant], switches: Sequence[KillSwitch], choice: Subscription | None
) -> World:
    world = await World.build()
    async with world.store.write() as work:
        await work.grants.remove(GRANT.grant_id)
        for number, grant in enumerate(grants):
            await work.grants.add(replace(grant, grant_id=f"grant-{number}"))
        for each in switches:
            await work.switches.add(each)
        if choice is not None:
            await work.subscriptions.add(choice)
    await world.policy.refresh()
    return world


@examples(80)
@given(GRANTS, SWITCHES, CHOICES, QUERIES, st.integers(0, 3), st.integers(1, 4))
def test_a_search_finds_only_what_the_list_has(grants, switches, choice, query, offset, limit):
    async def run() -> None:
        world = await prepared(grants, switches, choice)
        listed = {entry.published for entry in world.catalog.visible(PRINCIPAL)}
        search = search_of(world)
        found = await search.find(PRINCIPAL, query, limit=100)
        names = [entry.published for entry in found.tools]
        assert set(names) <= listed
        assert len(set(names)) == len(names) == found.total
        part = await search.find(PRINCIPAL, query, limit=limit, offset=offset)
        assert [entry.published for entry in part.tools] == names[offset : offset + limit]
        every = await search.find(PRINCIPAL, "", limit=100)
        assert [entry.published for entry in every.tools] == sorted(listed)
        assert set(await search.near(PRINCIPAL, query)) <= listed
        for name in ("git__log", "git.push", "git:tag"):
            entry = search.tool(PRINCIPAL, name)
            assert (entry is not None) == (name.replace(".", "__").replace(":", "__") in listed)
            first = await search.find(PRINCIPAL, name, limit=1)
            assert entry is None or first.tools == [entry]

    asyncio.run(run())


async def test_while_the_policy_is_stale_nothing_is_found():
    world = await World.build()
    search = search_of(world)
    world.clock.advance(10)  # longer than a policy holds without being confirmed
    for query in ("", "git", "git__log", "none"):
        with pytest.raises(PolicyStaleError):
            await search.find(PRINCIPAL, query, limit=10)
    with pytest.raises(PolicyStaleError):
        search.tool(PRINCIPAL, "git__log")
    with pytest.raises(PolicyStaleError):
        search.is_offered(PRINCIPAL)


async def test_one_index_serves_every_principal_until_the_catalog_changes():
    world, built = await World.build(), list[FullTextIndex]()

    def build(texts):
        built.append(FullTextIndex(texts))
        return built[-1]

    search = ToolSearch(
        policy=world.policy,
        catalog=world.catalog,
        build=build,
        recorder=world.recorder,
        calls=KeyRate(10_000, world.clock.monotonic),
    )
    assert search.is_offered(PRINCIPAL)
    assert built == [], "nothing is built before the first search"
    stranger = structs.replace(PRINCIPAL, user_id="nobody", key_id="k9")
    await asyncio.gather(*(search.find(each, "log", limit=5) for each in [PRINCIPAL, stranger] * 5))
    assert len(built) == 1
    assert (await search.find(stranger, "log", limit=5)).total == 0
    await world.kill(SwitchScope.TOOL, "git.log")
    assert (await search.find(PRINCIPAL, "log", limit=5)).total == 0
    assert len(built) == 1, "a decision needs no other index"
    world.downstreams.script("git", make_tool("logbook"))
    assert [each.name for each in (await search.find(PRINCIPAL, "log", limit=5)).tools] == ["logbook"]
    assert len(built) == 2


async def test_an_index_that_could_not_be_built_is_built_at_the_next_search():
    world, failures = await World.build(), [OSError("no memory")]

    def build(texts):
        if failures:
            raise failures.pop()
        return FullTextIndex(texts)

    search = ToolSearch(
        policy=world.policy,
        catalog=world.catalog,
        build=build,
        recorder=world.recorder,
        calls=KeyRate(10_000, world.clock.monotonic),
    )
    with pytest.raises(OSError, match="no memory"):
        await search.find(PRINCIPAL, "log", limit=5)
    assert (await search.find(PRINCIPAL, "log", limit=5)).total == 1
