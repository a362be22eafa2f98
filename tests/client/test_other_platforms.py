"""The proxy on emulated platforms: threaded streams, signals, and the end of the host."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer
from tests.client.host import Host, environment, host
from tests.client.other_platform import BREAK
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="the other systems are made out of Linux"
)
MODULE = "tests.client.other_platform"
LIMIT = 64 << 20
PING = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n'


@pytest.fixture
async def windows(server: FakeServer, state: Path) -> AsyncIterator[Host]:
    async with host(environment(server.url, state), ["windows", "proxy"], MODULE) as running:
        yield running


async def start(env: dict[str, str], stderr: int = subprocess.PIPE) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, "windows", "proxy",
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, limit=1 << 16,
    )  # fmt: skip


async def test_messages_are_relayed_and_the_end_of_input_ends_the_session(server: FakeServer, windows: Host):
    assert "result" in await windows.initialize()
    for _ in range(100):
        assert "result" in await windows.call("echo")
    assert await windows.leave() == 0
    assert server.disconnected == ["connection-1"]
    assert windows.errors == ""
    assert all(line.endswith(b"}\n") and b"\r" not in line for line in windows.lines)


async def test_a_last_line_without_a_newline_is_answered(windows: Host):
    windows.stdin.write(PING.strip() % 1)
    assert await windows.leave() == 0
    assert windows.answers[1]["result"] == {}


async def test_a_line_of_the_maximum_size_is_relayed_and_a_longer_one_refused(windows: Host):
    frame = b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"_meta":{"x":"%s"}}}'
    for number, size in ((1, LIMIT), (2, LIMIT + 1)):
        windows.stdin.write(frame % (number, b"x" * (size - len(frame % (number, b"")))) + b"\n")
        await windows.stdin.drain()
    windows.stdin.write(PING % 3)
    assert (await windows.answer(1))["result"] == {}
    assert (await windows.answer(2))["error"]["message"].startswith("AMB-1004 ")
    assert (await windows.answer(3))["result"] == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, BREAK])
async def test_a_signal_ends_the_session(server: FakeServer, windows: Host, number: signal.Signals):
    await windows.call("echo")
    windows.process.send_signal(number)
    assert await windows.exit_code() == 0
    assert server.disconnected == ["connection-1"]
    assert windows.errors == ""


async def test_a_host_that_does_not_read_does_not_block_the_proxy(server: FakeServer, state: Path):
    """With a full standard output the session continues; everything arrives once the host reads."""
    process = await start(environment(server.url, state), subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    text = b"x" * (1 << 20)
    for number in range(24):
        call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%s"}}}\n'
        process.stdin.write(call % (number, text))
    await server.until(lambda: len(server.calls) >= 16)
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        output = await process.stdout.read()
        assert await process.wait() == 0
    assert output.count(b"\n") == 24
    assert len(server.disconnected) == 1


async def test_a_closed_output_is_detected_by_writing(server: FakeServer, state: Path):
    process = await start(environment(server.url, state))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(PING % 1)
    assert await process.stdout.readline()
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    process.stdin.write(PING % 2 + PING % 3)
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0


async def test_an_unread_stderr_does_not_block_the_relay(state: Path):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    process = await start(environment("http://127.0.0.1:9", state), write_end)
    os.close(write_end)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    assert b"AMB-5001" in output
    assert process.returncode == 0
    os.close(read_end)


async def test_messages_on_stderr_can_be_read(state: Path):
    process = await start(environment("not an address", state))
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        complaint = await process.stderr.readline()
        _, more = await process.communicate(PING % 1)
    assert complaint.startswith(b"ambassador-client: AMB-5003 ")
    assert more == b""


@pytest.mark.parametrize("system", ["windows", "macos", "unknown"])
async def test_the_proxy_ends_with_the_host_although_another_process_holds_its_input(
    system: str, server: FakeServer, state: Path
):
    """The host dies while a sibling process keeps the pipe open, so the input never ends."""
    code = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-m", "{MODULE}", "{system}", "proxy"], stdin=0, stdout=1)
signal.pause()
"""
    read_end, write_end = os.pipe()
    dying = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code,
        env=environment(server.url, state), stdin=read_end, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert dying.stdout is not None
    assert dying.stderr is not None
    os.write(write_end, b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    async with asyncio.timeout(PATIENCE):
        assert b"echo" in await dying.stdout.readline()
        dying.kill()
        # The proxy inherited both pipes, which close when the last of the two processes ends.
        assert await dying.stdout.read() == b""
        assert await dying.stderr.read() == b""
        await dying.wait()
    assert server.disconnected == ["connection-1"]
    os.close(read_end)
    os.close(write_end)
