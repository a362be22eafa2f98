"""An idle proxy wakes up only for heartbeats."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer
from tests.client.host import Host, environment
from tests.patience import PATIENCE

BEATS = 20
_COUNTED = """
import os, selectors, sys
from ambassador_client.account import setting_parsers
setting_parsers._MIN_HEARTBEAT = setting_parsers._MAX_HEARTBEAT = 0.02
wakeups = 0
select = selectors.DefaultSelector.select
def counted(self, timeout=None):
    global wakeups
    wakeups += 1
    return select(self, timeout)
selectors.DefaultSelector.select = counted
from ambassador_client.__main__ import main
leave = os._exit
def report(code):
    os.write(2, b"%d" % wakeups)
    leave(code)
os._exit = report
sys.argv = ["ambassador-client", "proxy"]
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the parent is looked at now and then")
async def test_an_idle_proxy_wakes_up_only_for_heartbeats(server: FakeServer, state: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _COUNTED,
        env=environment(server.url, state, MCP_AMBASSADOR_HEARTBEAT_INTERVAL="1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    process.stdin.write(json.dumps(hello).encode() + b"\n")
    process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    await server.until(lambda: server.heartbeats >= BEATS)
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        assert process.stderr is not None
        wakeups = int(await process.stderr.read())
        await process.wait()
    # Per heartbeat: the timer, the connection, the answer; plus the thread at start. Polling would add wakeups.
    assert wakeups <= 5 * server.heartbeats + 60


async def test_calls_do_not_cause_heartbeats(server: FakeServer, proxy: Host):
    for _ in range(50):
        await proxy.call("echo")
    assert server.heartbeats == 0
