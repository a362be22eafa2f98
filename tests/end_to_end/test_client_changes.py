"""AI applications behind the client are told of changes: of lists, and of resources, also after a restart."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.host import Host, environment, host
from tests.end_to_end.event_streams import EVERYTHING, SUBSCRIPTION, UPDATED, changed
from tests.end_to_end.faces import MODERN
from tests.end_to_end.world import World, downstream, running
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

KINDS = ("prompts", "resources", "tools")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with an MCP that reports updates."""
    with running(directory, prepared) as started:
        started.publish("memos", "stdio", stdio_options("--resource", "memo://kept", server="asking_server"))
        yield started


@pytest.fixture
async def proxy(world: World, tmp_path: Path) -> AsyncIterator[Host]:
    key = world.person().key
    async with host(environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=key)) as started:
        yield started


def count(proxy: Host, method: str) -> int:
    return len([note for note in proxy.notifications if note["method"] == method])


def updates(proxy: Host) -> list[Any]:
    return [note["params"]["uri"] for note in proxy.notifications if note["method"] == UPDATED]


def update(world: World, uri: str) -> None:
    assert world.caller().call(MODERN, "memos__update", {"uri": uri}).succeeded


async def told_of(world: World, proxy: Host, directory: Path) -> None:
    """Publish an MCP that has everything, and wait until the host is told."""
    with downstream(directory, "--offers", "tools,resources,prompts") as other:
        name = world.fresh("offers")
        await asyncio.to_thread(world.publish, name, "streamable_http", {"url": other.url})
        await proxy.until(lambda: all(count(proxy, changed(kind)) for kind in KINDS))
        world.ask("POST", f"mcps/{name}/archive")


async def test_a_legacy_host_is_told(world: World, proxy: Host, tmp_path: Path):
    features = (await proxy.initialize("2025-11-25"))["result"]["capabilities"]
    assert features["resources"] == {"listChanged": True, "subscribe": True}
    asked = await proxy.request("resources/subscribe", {"uri": "memo://1"})
    assert asked["result"] == {}
    await asyncio.to_thread(update, world, "memo://1")
    await proxy.until(lambda: updates(proxy) == ["memo://1"])
    await told_of(world, proxy, tmp_path)


async def test_a_modern_host_is_told(world: World, proxy: Host, tmp_path: Path):
    wanted = {**EVERYTHING, "resourceSubscriptions": ["memo://1"]}
    listening = proxy.start_request("subscriptions/listen", {"notifications": wanted}, modern=True)
    await proxy.until(lambda: len(proxy.notifications) == 1)
    assert proxy.notifications[0]["params"] == {"notifications": wanted, "_meta": {SUBSCRIPTION: listening}}
    await asyncio.to_thread(update, world, "memo://1")
    await proxy.until(lambda: updates(proxy) == ["memo://1"])
    await told_of(world, proxy, tmp_path)
    assert {note["params"]["_meta"][SUBSCRIPTION] for note in proxy.notifications} == {listening}


async def test_the_subscriptions_of_a_legacy_host_survive_a_restart(world: World, proxy: Host):
    await proxy.initialize("2025-11-25")
    for uri in ("memo://kept", "memo://left"):
        assert (await proxy.request("resources/subscribe", {"uri": uri}))["result"] == {}
    assert (await proxy.request("resources/unsubscribe", {"uri": "memo://left"}))["result"] == {}
    await asyncio.to_thread(update, world, "memo://kept")
    await proxy.until(lambda: updates(proxy) == ["memo://kept"])
    await asyncio.to_thread(world.restart)
    # It may have been updated meanwhile.
    await proxy.until(lambda: len(updates(proxy)) > 1)
    known = len(updates(proxy))
    for uri in ("memo://left", "memo://kept"):
        await asyncio.to_thread(update, world, uri)
    await proxy.until(lambda: len(updates(proxy)) > known)
    assert set(updates(proxy)) == {"memo://kept"}
