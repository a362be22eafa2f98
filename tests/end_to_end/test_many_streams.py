"""Many open streams: all are told of a change, others are served meanwhile, and no reader can hold the server."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.event_streams import EVERYTHING, changed
from tests.end_to_end.faces import MODERN, Wire
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.raw_http import head
from tests.end_to_end.world import World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE
from tests.rig import Rig

MOST_PER_KEY = 256
UNREAD_SECONDS = 1.0


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server that waits only a second for a reader, with an MCP that reports updates."""
    limits = {"unread_seconds": UNREAD_SECONDS, "connections_per_address": 4096}
    with running(directory, prepared, limits=limits) as started:
        started.publish("memos", "stdio", stdio_options(server="asking_server"))
        started.publish_fixture("tools")
        yield started


def opening(secret: str, number: int) -> Wire:
    return MODERN.request(secret, "subscriptions/listen", {"notifications": EVERYTHING}, number)


def written(wire: Wire) -> bytes:
    return head(wire.method, wire.path, {**wire.headers, "Content-Length": str(len(wire.body))}) + wire.body


@asynccontextmanager
async def opened(port: int, wire: Wire) -> AsyncIterator[asyncio.StreamReader]:
    """Open a stream, and wait until it is acknowledged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(written(wire))
        await reader.readuntil(b"subscriptions/acknowledged")
        yield reader
    finally:
        writer.close()


def test_a_thousand_streams_are_told_of_a_change(world: World) -> None:
    group = world.group("memos")
    callers = [world.session(world.person(group)) for _ in range(5)]
    port = world.rig.ports["port"]

    async def listen_and_change() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(2 * PATIENCE):
            streams = [
                await stack.enter_async_context(opened(port, opening(caller.secret, number)))
                for caller in callers
                for number in range(200)
            ]
            caller = world.caller()
            assert (
                await asyncio.to_thread(caller.call, MODERN, "tools__echo", {"text": "now"})
            ).text == "now"
            grant = {"group": group, "mcp": "tools"}
            await asyncio.to_thread(world.ask, "POST", "grants", grant)
            for stream in streams:
                await stream.readuntil(changed("tools").encode())
            assert (await asyncio.to_thread(caller.call, MODERN, "tools__echo", {"text": "on"})).text == "on"

    asyncio.run(listen_and_change())
    # All of them were closed at once, and new ones are opened.
    asyncio.run(_open_one(port, opening(callers[0].secret, 1)))


async def _open_one(port: int, wire: Wire) -> None:
    async with opened(port, wire):
        return


def test_one_key_has_a_bounded_number_of_streams(world: World) -> None:
    caller, other = world.caller(), world.caller()
    port = world.rig.ports["port"]

    async def open_all() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            for number in range(MOST_PER_KEY):
                await stack.enter_async_context(opened(port, opening(caller.secret, number)))
            refused = (await asyncio.to_thread(caller.send, opening(caller.secret, 999))).json()
            assert "Too many event streams" in refused["error"]["message"]
            host = begin(caller, {})
            headers = {**host.headers(), "Accept": "text/event-stream"}
            answer = await asyncio.to_thread(caller.http.get, "/mcp", headers=headers)
            assert answer.status_code == 503
            await stack.enter_async_context(opened(port, opening(other.secret, 1)))

    asyncio.run(open_all())
    asyncio.run(_open_one(port, opening(caller.secret, 1)))


@contextmanager
def unread(port: int, wire: Wire) -> Iterator[socket.socket]:
    """Open a stream whose reader reads no more after the first bytes."""
    with socket.socket() as connection:
        # A small buffer, so that what is not read stays in the server.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", port))
        connection.sendall(written(wire))
        assert select.select([connection], [], [], PATIENCE)[0]
        yield connection


def test_a_reader_that_never_reads_is_cut_off(world: World) -> None:
    caller, writer = world.caller(), world.caller()
    params = {"notifications": {"resourceSubscriptions": ["memo://flood"]}}
    wire = MODERN.request(caller.secret, "subscriptions/listen", params)
    numbers = iter(range(10_000))

    def is_cut_off(connection: socket.socket) -> bool:
        for _ in range(16):
            long = f"memo://flood/{next(numbers)}/{'x' * 60_000}"
            assert writer.call(MODERN, "memos__update", {"uri": long}).succeeded
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    with unread(world.rig.ports["port"], wire) as connection:
        until(lambda: is_cut_off(connection), "the connection is reset")
    health = world.admin.get("/ready").json()
    assert health["connections"]["client"]["cut_off"] >= 1, health
