"""The exit of the proxy during calls: which requests the server receives, and that nothing delays it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer
from tests.client.host import Host, environment, host
from tests.patience import PATIENCE

CALLS = 100
CONNECTIONS = 64
END_SESSION = "DELETE /v1/sessions/connections/connection-1"
END_CONVERSATION = "DELETE /mcp"

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")


PROXY = "tests.client.proxy_with_long_timeouts"


@pytest.fixture
async def proxy(server: FakeServer, state: Path) -> AsyncIterator[Host]:
    async with host(environment(server.url, state), module=PROXY) as running:
        yield running


async def end(proxy: Host, how: signal.Signals | None) -> None:
    """End the process by a signal, or by the end of its input, and wait."""
    if how is None:
        assert await proxy.leave() == 0
    else:
        proxy.process.send_signal(how)
        assert await proxy.exit_code() == 0


async def requests_after_start(server: FakeServer) -> int:
    """Wait for the last request of the start, and return the number of requests."""
    await server.until(lambda: "GET /mcp" in server.requests)
    return len(server.requests)


WAYS = [None, pytest.param(signal.SIGTERM, marks=posix)]


@pytest.mark.parametrize("how", WAYS)
async def test_the_mcp_session_ends_before_the_client_session(
    server: FakeServer, proxy: Host, how: signal.Signals | None
):
    server.issues_sessions = True
    await proxy.initialize("2025-11-25")
    assert "result" in await proxy.call("echo")
    before = await requests_after_start(server)
    await end(proxy, how)
    assert server.requests[before:] == [END_CONVERSATION, END_SESSION]
    assert server.hosts == {}
    assert server.disconnected == ["connection-1"]
    headers = server.ended_conversations[0]
    assert headers["Mcp-Session-Id"] == "host-1"
    assert headers["MCP-Protocol-Version"] == "2025-11-25"
    assert headers["X-Session-Token"] == "amb_st_1"
    assert proxy.errors == ""


@pytest.mark.parametrize("era", ["2025-06-18", "2026-07-28"])
async def test_no_delete_is_sent_without_an_mcp_session(server: FakeServer, proxy: Host, era: str):
    if era == "2025-06-18":
        await proxy.initialize(era)
    assert "result" in await proxy.call("echo", modern=era != "2025-06-18")
    before = await requests_after_start(server) if era == "2025-06-18" else len(server.requests)
    await end(proxy, None)
    assert server.requests[before:] == [END_SESSION]


@pytest.mark.parametrize("status", [401, 404, 405, 429, 500, None])
async def test_a_refused_delete_does_not_delay_the_exit(server: FakeServer, proxy: Host, status: int | None):
    server.issues_sessions = True
    server.delete_status = status
    await proxy.initialize()
    assert "result" in await proxy.call("echo")
    before = await requests_after_start(server)
    await end(proxy, None)
    assert server.requests[before:] == [END_CONVERSATION, END_SESSION]
    assert server.disconnected == ["connection-1"]
    assert proxy.errors == ""


@pytest.mark.parametrize("how", WAYS)
async def test_running_calls_are_cancelled_at_exit_without_further_requests(
    server: FakeServer, proxy: Host, how: signal.Signals | None
):
    server.issues_sessions = True
    await proxy.initialize()
    for n in range(CALLS):
        proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": n}})
    await server.until(lambda: server.running == CONNECTIONS)
    before = await requests_after_start(server)
    await end(proxy, how)
    assert server.requests[before:] == [END_CONVERSATION, END_SESSION]
    await server.until(lambda: server.running == 0)
    assert server.cancelled == CONNECTIONS
    assert len(proxy.answers) == 1
    assert proxy.errors == ""


@pytest.mark.parametrize("how", WAYS)
async def test_an_unreachable_server_does_not_delay_the_exit(
    server: FakeServer, proxy: Host, how: signal.Signals | None
):
    server.issues_sessions = True
    await proxy.initialize()
    assert "result" in await proxy.call("echo")
    await server.stop()
    await end(proxy, how)


_HOST = f"""
import os, signal, subprocess, sys
subprocess.Popen([sys.executable, "-m", "{PROXY}", "proxy"], stdin=0, stdout=1)
signal.pause()
"""


@posix
@pytest.mark.parametrize("is_held", [False, True])
async def test_a_killed_host_leaves_no_session_and_no_calls(server: FakeServer, state: Path, is_held: bool):
    """Its pipes end with it, or another process still holds them (`is_held`)."""
    server.issues_sessions = True
    read_end, write_end = os.pipe()
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOST,
        env=environment(server.url, state),
        stdin=read_end,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert killed.stdout is not None
    assert killed.stderr is not None
    os.close(read_end)
    hello = b'{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2025-06-18"}}\n'
    ready = b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"wait","arguments":{}}}\n'
    os.write(write_end, hello + ready + b"".join(call % n for n in range(CALLS)))
    await server.until(lambda: server.running == CONNECTIONS)
    before = await requests_after_start(server)
    killed.kill()
    if not is_held:
        os.close(write_end)
    async with asyncio.timeout(PATIENCE):
        # The proxy inherited both: they end with the last of the two processes.
        assert (await killed.stdout.read()).count(b"\n") == 1
        assert await killed.stderr.read() == b""
        await killed.wait()
    if is_held:
        os.close(write_end)
    assert server.requests[before:] == [END_CONVERSATION, END_SESSION]
    await server.until(lambda: server.running == 0)
    assert server.cancelled == CONNECTIONS
    assert server.sessions == {}
    assert server.hosts == {}
