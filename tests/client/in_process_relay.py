"""The whole relay in this process, between real sockets, with adjustable time limits."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from ambassador_client.account.session_cache import Slot
from ambassador_client.link.http_client import HttpClient, HttpLimits
from ambassador_client.proxy.key_source import KeySource
from ambassador_client.proxy.proofs import SessionProof
from ambassador_client.proxy.relay import Relay
from ambassador_client.proxy.session import Session
from ambassador_client.proxy.stdio import Output, read_lines
from ambassador_protocol.sessions import RegisterRequest
from tests.client.fake_server import KEY
from tests.client.host import Host

_ME = RegisterRequest(preshared_key=KEY, friendly_name="me", host_tool="cli")


class _InProcess:
    """Replaces the process object of a host."""

    def __init__(self) -> None:
        self.stderr = asyncio.StreamReader()
        self.stdout: asyncio.StreamReader
        self.stdin: asyncio.StreamWriter
        self.returncode: int | None = None
        self.ended = asyncio.Event()

    def report(self, line: str) -> None:
        self.stderr.feed_data(line.encode() + b"\n")

    async def wait(self) -> int:
        await self.ended.wait()
        return 0


@asynccontextmanager
async def relay_in_process(
    url: str, *, heartbeat_seconds: float = 60.0, **limits: Any
) -> AsyncIterator[Host]:
    """Run a relay whose HTTP client has these limits; it ends with the block."""
    ours, theirs = socket.socketpair()
    ours_too, theirs_too = socket.socketpair()
    process = _InProcess()
    process.stdout, writer = await asyncio.open_connection(sock=ours_too)
    _, process.stdin = await asyncio.open_connection(sock=ours)
    host = Host(cast(asyncio.subprocess.Process, process))
    session = Session(
        HttpClient(url, None, HttpLimits(**limits)),
        SessionProof(KeySource(lambda: _ME), Slot),
        heartbeat_seconds=heartbeat_seconds,
        report=process.report,
    )

    async def opened() -> Session:
        return session

    output = await Output.open(theirs_too.fileno())
    relay = Relay(output, asyncio.create_task(opened()), report=process.report)
    before = asyncio.all_tasks()
    running = asyncio.create_task(relay.run(read_lines(theirs.fileno())))
    maintaining = asyncio.create_task(session.run(relay.announce_changes))
    try:
        yield host
    finally:
        for task in (running, maintaining):
            task.cancel()
        await asyncio.wait([running, maintaining])
        await relay.finish(0)
        await asyncio.wait({asyncio.create_task(asyncio.sleep(0)), *_tasks_of_the_relay(before)})
        await session.close(relay.closing_headers(), 1)
        for stream in (process.stdin, writer):
            stream.close()
            await stream.wait_closed()
        await output.closed.wait()
        theirs.close()
        theirs_too.close()
        process.stderr.feed_eof()
        process.ended.set()
        await host.exit_code()


def _tasks_of_the_relay(before: set["asyncio.Task[Any]"]) -> set["asyncio.Task[Any]"]:
    names = {task: getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks() - before}
    return {task for task, name in names.items() if name.startswith(("Relay.", "Forwarder."))}
