"""The MCP SDK as the host, in both eras, over its stdio transport."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from tests.client.fake_server import FakeServer
from tests.client.host import environment
from tests.patience import PATIENCE


@asynccontextmanager
async def client(server: FakeServer, state: Path, mode: str, **more: object) -> AsyncIterator[Client]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "ambassador_client", "proxy"],
        env=environment(server.url, state),
    )
    async with asyncio.timeout(PATIENCE), Client(parameters, mode=mode, **more) as connected:
        yield connected


MODES = pytest.mark.parametrize(
    ("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")]
)


@MODES
async def test_tools_are_listed_and_called(server: FakeServer, state: Path, mode: str, version: str):
    async with client(server, state, mode) as host:
        assert host.protocol_version == version
        assert [tool.name for tool in (await host.list_tools()).tools] == ["echo"]
        result = await host.call_tool("echo", {"text": "grüße"})
        assert isinstance(result.content[0], types.TextContent)
        assert result.content[0].text == '{"text": "gr\\u00fc\\u00dfe"}'
    assert len(server.disconnected) == 1
    assert len(server.registrations) == 1


@MODES
async def test_listing_tools_reports_an_unreachable_server(
    server: FakeServer, state: Path, mode: str, version: str
):
    await server.stop()
    async with client(server, state, mode) as host:
        assert host.protocol_version == version
        with pytest.raises(MCPError, match="AMB-5001 cannot reach"):
            await host.list_tools()
        with pytest.raises(MCPError, match="AMB-5001 cannot reach"):
            await host.call_tool("echo", {})


async def test_the_host_is_notified_when_tools_become_available(server: FakeServer, state: Path):
    told = asyncio.Event()

    async def listen(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            told.set()

    await server.stop()
    async with client(server, state, "legacy", message_handler=listen) as host:
        with pytest.raises(MCPError):
            await host.list_tools()
        await server.start()
        await told.wait()
        assert len((await host.list_tools()).tools) == 1


@MODES
async def test_a_call_cancelled_by_the_host_is_cancelled_at_the_server(
    server: FakeServer, state: Path, mode: str, version: str
):
    async with client(server, state, mode) as host:
        assert host.protocol_version == version
        call = asyncio.create_task(host.call_tool("wait", {}))
        await server.until(lambda: server.running == 1)
        call.cancel()
        await server.until(lambda: server.cancelled == 1)
        assert len((await host.list_tools()).tools) == 1


@MODES
async def test_calls_run_concurrently(server: FakeServer, state: Path, mode: str, version: str):
    async with client(server, state, mode) as host:
        assert host.protocol_version == version
        calls = [asyncio.create_task(host.call_tool("wait", {"n": n})) for n in range(20)]
        await server.until(lambda: server.running == 20)
        server.release.set()
        texts = [(await call).content[0] for call in calls]
    assert [text.text for text in texts if isinstance(text, types.TextContent)] == [
        f'{{"n": {n}}}' for n in range(20)
    ]
