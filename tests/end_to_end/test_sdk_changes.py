"""The MCP SDK as the host hears of changes, in both eras, connected to the server or through the client."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import (
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)

from tests.client.host import environment
from tests.end_to_end.faces import MODERN
from tests.end_to_end.world import World, running
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE
from tests.rig import Rig

URI = "memo://sdk"
HEARD = (
    types.ResourceUpdatedNotification,
    types.ToolListChangedNotification,
    types.ResourceListChangedNotification,
    types.PromptListChangedNotification,
)
ROUTES = pytest.mark.parametrize("through_client", [False, True], ids=["server", "client"])


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with an MCP that reports updates."""
    with running(directory, prepared) as started:
        started.publish("memos", "stdio", stdio_options("--resource", URI, server="asking_server"))
        yield started


@asynccontextmanager
async def connected(
    world: World, state: Path, mode: str, *, through_client: bool, **more: Any
) -> AsyncIterator[Client]:
    person = world.person()
    url = world.rig.client_url
    async with asyncio.timeout(PATIENCE):
        if through_client:
            parameters = StdioServerParameters(
                command=sys.executable,
                args=["-m", "ambassador_client", "proxy"],
                env=environment(url, state, MCP_AMBASSADOR_PRESHARED_KEY=person.key),
            )
            async with Client(parameters, mode=mode, **more) as client:
                yield client
            return
        headers = {"Authorization": f"Bearer {person.key}"}
        async with (
            httpx2.AsyncClient(headers=headers, trust_env=False, timeout=PATIENCE) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, **more) as client,
        ):
            yield client


def update(world: World) -> None:
    assert world.caller().call(MODERN, "memos__update", {"uri": URI}).succeeded


def change_every_list(world: World) -> None:
    """Publish an MCP that has something of each kind."""
    options = stdio_options("--offers", "tools,resources,prompts")
    world.publish(world.fresh("offers"), "stdio", options)


@ROUTES
async def test_a_legacy_host_hears_of_changes(world: World, tmp_path: Path, through_client: bool):
    heard: asyncio.Queue[type] = asyncio.Queue()

    async def listen(message: object) -> None:
        if isinstance(message, HEARD):
            await heard.put(type(message))

    async with connected(
        world, tmp_path, "legacy", through_client=through_client, message_handler=listen
    ) as host:
        capabilities = host.server_capabilities
        assert capabilities is not None
        assert capabilities.resources is not None
        assert (capabilities.resources.subscribe, capabilities.resources.list_changed) == (True, True)
        await host.list_tools()
        with pytest.warns(match="resources/subscribe is removed"):
            await host.subscribe_resource(URI)
        await asyncio.to_thread(update, world)
        while await heard.get() is not types.ResourceUpdatedNotification:
            pass
        await asyncio.to_thread(change_every_list, world)
        missing = set(HEARD[1:])
        while missing:
            missing.discard(await heard.get())


@ROUTES
async def test_a_modern_host_hears_of_changes(world: World, tmp_path: Path, through_client: bool):
    async with (
        connected(world, tmp_path, "auto", through_client=through_client) as host,
        host.listen(
            tools_list_changed=True,
            prompts_list_changed=True,
            resources_list_changed=True,
            resource_subscriptions=[URI, "memo://elsewhere:not-known"],
        ) as changes,
    ):
        assert host.protocol_version == "2026-07-28"
        assert changes.honored.tools_list_changed is True
        assert URI in (changes.honored.resource_subscriptions or [])
        await asyncio.to_thread(update, world)
        await asyncio.to_thread(change_every_list, world)
        missing: set[type] = {ResourceUpdated, ToolsListChanged, ResourcesListChanged, PromptsListChanged}
        async for event in changes:
            missing.discard(type(event))
            if not missing:
                return
        assert not missing
