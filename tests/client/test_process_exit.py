"""The exit of the proxy: soon, after ending its session, and never later than its host."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.fake_server import FakeServer
from tests.client.host import Host, environment, host
from tests.patience import PATIENCE

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")


async def test_the_end_of_input_ends_the_session(server: FakeServer, proxy: Host):
    await proxy.call("echo")
    assert await proxy.leave() == 0
    assert server.disconnected == ["connection-1"]
    assert "Content-Type" not in server.disconnect_headers
    assert server.sessions == {}
    assert proxy.errors == ""


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_session(server: FakeServer, proxy: Host, number: signal.Signals):
    await proxy.call("echo")
    proxy.process.send_signal(number)
    assert await proxy.exit_code() == 0
    assert server.disconnected == ["connection-1"]
    assert proxy.errors == ""


@posix
async def test_a_signal_does_not_wait_for_running_calls(server: FakeServer, proxy: Host):
    proxy.start_request("tools/call", {"name": "wait"})
    await server.until(lambda: server.running == 1)
    proxy.process.send_signal(signal.SIGTERM)
    assert await proxy.exit_code() == 0
    assert server.disconnected == ["connection-1"]


async def test_an_open_request_is_still_answered_at_the_end_of_input(server: FakeServer, proxy: Host):
    slow = proxy.start_request("tools/call", {"name": "wait", "arguments": {}})
    await server.until(lambda: server.running == 1)
    proxy.stdin.close()
    server.release.set()
    assert await proxy.exit_code() == 0
    assert "result" in proxy.answers[slow]
    assert server.disconnected == ["connection-1"]


async def test_a_long_call_does_not_delay_the_exit(server: FakeServer, proxy: Host):
    proxy.start_request("tools/call", {"name": "wait", "arguments": {}})
    await server.until(lambda: server.running == 1)
    assert await proxy.leave() == 0
    assert proxy.answers == {}
    assert server.cancelled == 1
    assert server.disconnected == ["connection-1"]


async def test_a_silent_server_does_not_delay_the_exit(state: Path):
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with host(environment(f"http://127.0.0.1:{port}", state)) as proxy:
            await proxy.initialize()
            proxy.start_request("tools/list")
            assert await proxy.leave() == 0
        await gone.wait()


async def test_a_last_line_without_a_newline_is_answered(proxy: Host):
    proxy.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    assert await proxy.leave() == 0
    assert proxy.answers[1]["result"] == {}


@posix
async def test_a_closed_output_ends_the_proxy(server: FakeServer, state: Path):
    read_end, write_end = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        "proxy",
        env=environment(server.url, state),
        stdin=asyncio.subprocess.PIPE,
        stdout=write_end,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(write_end)
    await server.until(lambda: len(server.sessions) == 1)
    os.close(read_end)
    _, errors = await asyncio.wait_for(_drained(process), PATIENCE)
    assert process.returncode == 0
    assert errors == b""
    assert len(server.disconnected) == 1


async def _drained(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """Wait for the exit without closing the input."""
    assert process.stderr is not None
    errors = await process.stderr.read()
    await process.wait()
    return b"", errors


@posix
def test_the_proxy_ends_when_the_host_dies(state: Path):
    """A killed host closes all its pipes while a call waits for an unreachable server."""
    code = """
import subprocess, sys, os
read, write = os.pipe()
process = subprocess.Popen([sys.executable, "-m", "ambassador_client", "proxy"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True)
process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n')
process.stdin.flush()
process.stdout.readline()
os.kill(os.getpid(), 9)
"""
    env = environment("http://127.0.0.1:9", state)
    # The proxy inherits standard error: this returns when both processes have ended.
    ended = subprocess.run(
        [sys.executable, "-c", code], env=env, stderr=subprocess.PIPE, timeout=20, check=False
    )
    assert ended.returncode == -signal.SIGKILL


@posix
async def test_the_proxy_ends_with_the_host_although_another_process_holds_its_input(
    server: FakeServer, state: Path
):
    """The host dies while a sibling process keeps the pipe open, so the input never ends."""
    code = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-m", "ambassador_client", "proxy"], stdin=0, stdout=1)
signal.pause()
"""
    read_end, write_end = os.pipe()
    dying = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env=environment(server.url, state),
        stdin=read_end,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert dying.stdout is not None
    os.write(write_end, b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    async with asyncio.timeout(PATIENCE):
        assert b"echo" in await dying.stdout.readline()
        dying.kill()
        # The proxy inherited both pipes, which close when the last of the two processes ends.
        assert await dying.stdout.read() == b""
        await dying.wait()
    assert server.disconnected == ["connection-1"]
    os.close(read_end)
    os.close(write_end)


def test_files_work_as_input_and_output(tmp_path: Path, state: Path):
    asked = tmp_path / "in"
    asked.write_bytes(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"ping"}')
    with asked.open("rb") as stdin, (tmp_path / "out").open("wb") as stdout:
        ended = subprocess.run(
            [sys.executable, "-m", "ambassador_client"],
            env=environment("http://127.0.0.1:9", state),
            stdin=stdin,
            stdout=stdout,
            timeout=PATIENCE,
            check=False,
        )
    assert ended.returncode == 0
    assert [line[-20:] for line in (tmp_path / "out").read_text().splitlines()] == [
        '0","id":1,"result":{}}'[-20:],
        '0","id":2,"result":{}}'[-20:],
    ]


def test_empty_input_ends_the_proxy(state: Path):
    ended = subprocess.run(
        [sys.executable, "-m", "ambassador_client"],
        env=environment("http://127.0.0.1:9", state),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, b"")


@posix
@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_end_the_proxy(state: Path, closed: str):
    command = ["sh", "-c", f"exec {sys.executable} -m ambassador_client proxy {closed}"]
    with subprocess.Popen(
        command, env=environment("http://127.0.0.1:9", state), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0


@posix
async def test_one_socket_works_for_both_directions(state: Path):
    ours, theirs = socket.socketpair()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        "proxy",
        env=environment("http://127.0.0.1:9", state),
        stdin=theirs,
        stdout=theirs,
        stderr=asyncio.subprocess.DEVNULL,
    )
    theirs.close()
    reader, writer = await asyncio.open_connection(sock=ours)
    async with asyncio.timeout(PATIENCE):
        for number in range(3):
            writer.write(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % number)
            assert b'"result":{}' in await reader.readline()
        writer.write_eof()
        assert await process.wait() == 0
    writer.close()


async def test_a_host_that_does_not_read_does_not_block_the_proxy(server: FakeServer, state: Path):
    """With a full standard output the session continues; everything arrives once the host reads."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        "proxy",
        env=environment(server.url, state),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 16,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    text = b"x" * (1 << 20)
    for number in range(8):
        arguments = b'{"name":"echo","arguments":{"text":"%s"}}' % text
        process.stdin.write(
            b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}\n' % (number, arguments)
        )
    await server.until(lambda: len(server.calls) >= 8 and server.running == 0)
    process.stdin.close()
    async with asyncio.timeout(PATIENCE):
        output = await process.stdout.read()
        assert await process.wait() == 0
    assert output.count(b"\n") == 8
    assert len(server.disconnected) == 1


@posix
async def test_an_unread_stderr_does_not_block_the_relay(state: Path):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        "proxy",
        env=environment("http://127.0.0.1:9", state),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=write_end,
    )
    os.close(write_end)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n')
    assert b"AMB-5001" in output
    assert process.returncode == 0
    os.close(read_end)
