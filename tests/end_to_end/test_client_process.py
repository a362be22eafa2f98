"""The client as applications start it, against a real server that restarts under it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.host import Host, environment, host
from tests.end_to_end.faces import MODERN
from tests.end_to_end.world import World

CHANGED = "notifications/tools/list_changed"


@pytest.fixture
async def proxy(world: World, tmp_path: Path) -> AsyncIterator[Host]:
    key = world.person().key
    async with host(environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=key)) as running:
        yield running


@pytest.mark.parametrize("modern", [False, True])
async def test_tools_are_listed_and_called(proxy: Host, modern: bool):
    if not modern:
        await proxy.initialize()
    tools = (await proxy.request("tools/list", modern=modern))["result"]["tools"]
    assert "tools__echo" in [tool["name"] for tool in tools]
    answer = await proxy.call("tools__echo", {"text": "grüße"}, modern=modern)
    assert answer["result"]["content"][0]["text"] == "grüße"
    for method in ("prompts/list", "resources/list", "resources/templates/list"):
        assert "result" in await proxy.request(method, modern=modern)


async def test_the_client_declares_what_the_server_declares_to_this_user(world: World, tmp_path: Path):
    group = world.group()
    person = world.person(group)
    env = environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=person.key)
    caller = world.session(person)
    wire = MODERN.request(caller.secret, "server/discover", {})
    told = caller.send(wire).json()["result"]
    assert "prompts" not in told["capabilities"], "no MCP of this user has prompts"
    async with host(env) as proxy:
        discovered = (await proxy.request("server/discover", modern=True))["result"]
        assert discovered["capabilities"] == told["capabilities"]
        assert discovered["instructions"] == told["instructions"]
        declared = (await proxy.initialize())["result"]["capabilities"]
        assert declared.keys() == told["capabilities"].keys()
        meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}}
        error = (await proxy.request("tools/list", meta))["error"]
        assert (error["code"], error["data"]["supported"]) == (-32022, told["supportedVersions"])


@pytest.mark.parametrize("modern", [False, True])
async def test_calls_continue_after_a_restart_of_the_server(world: World, proxy: Host, modern: bool):
    if not modern:
        await proxy.initialize()
    for _ in range(2):
        assert "result" in await proxy.call("tools__echo", {"text": "a"}, modern=modern)
        await asyncio.to_thread(world.restart)
    assert "result" in await proxy.call("tools__echo", {"text": "b"}, modern=modern)


async def test_host_gets_errors_while_the_server_is_down_and_a_notification_afterwards(
    world: World, proxy: Host
):
    await proxy.initialize()
    await proxy.call("tools__echo", {"text": "a"})
    assert world.rig.stop() == 0
    try:
        for method in ("tools/list", "tools/call"):
            error = (await proxy.request(method, {"name": "tools__echo", "arguments": {}}))["error"]
            assert error["code"] == -31004
            assert "connection refused" in error["message"]
    finally:
        await asyncio.to_thread(world.start)
    await proxy.until(lambda: CHANGED in [note["method"] for note in proxy.notifications])
    assert "result" in await proxy.call("tools__echo", {"text": "b"})


async def test_a_revoked_key_is_explained(world: World, tmp_path: Path):
    person = world.person()
    env = environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=person.key)
    async with host(env) as proxy:
        await proxy.initialize()
        assert "result" in await proxy.call("tools__echo", {"text": "a"})
        world.ask("POST", f"keys/{person.key_id}/revoke", {})
        error = (await proxy.call("tools__echo", {"text": "b"}))["error"]
        assert error["code"] == -31001
        assert "revoked" in error["message"], error
        assert person.key not in proxy.errors
