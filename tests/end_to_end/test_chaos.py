"""Downstreams that die, hang, break and trickle: what they leave in the server is what it had before.

Every fault is repeated; after the first round the server has no more tasks, processes, threads and open files than
after the rounds that follow.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.client.faulty_network import FaultyNetwork, faulty_network
from tests.effort import SOAK
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.held_calls import HeldCall
from tests.end_to_end.world import Caller, Downstream, World, running, until
from tests.fakes.mcp_servers import stdio_options
from tests.rig import Rig

ROUNDS = 2 + SOAK // 2
CALLS = 6
pytestmark = pytest.mark.soak

_POOL = 8
"""How many threads more there may be: a pool starts them as they are needed, until it has its size."""
_TIMEOUT = 3
_FOREVER = {"seconds": 600, "text": "slow"}


@dataclass(frozen=True)
class Counts:
    """What the process of a server has."""

    tasks: "Counter[str]"
    processes: int
    threads: int
    files: int

    def within(self, bound: "Counts") -> bool:
        """Tell whether nothing is more than there."""
        return (
            self.tasks <= bound.tasks
            and self.processes <= bound.processes
            and self.threads <= bound.threads + _POOL
            and self.files <= bound.files
        )


@dataclass
class Counted:
    """A server whose tasks are counted, with a downstream over stdio and one behind a network."""

    world: World
    tasks: Path

    def counts(self) -> Counts:
        process = self.world.rig.process
        assert process is not None
        self.tasks.unlink(missing_ok=True)
        os.kill(process.pid, signal.SIGUSR2)
        until(self.tasks.exists, "the tasks are counted")
        return Counts(
            Counter(json.loads(self.tasks.read_text())),
            len(descendants(process.pid)),
            len(os.listdir(f"/proc/{process.pid}/task")),
            len(os.listdir(f"/proc/{process.pid}/fd")),
        )

    def settle(self, bound: Counts) -> None:
        """Wait until the server has no more than this."""
        seen = [self.counts()]

        def settled() -> bool:
            seen.append(self.counts())
            return seen[-1].within(bound)

        try:
            until(settled, "nothing is left")
        except AssertionError:
            pytest.fail(f"left: {seen[-1]}, before: {bound}")


def descendants(process_id: int) -> list[int]:
    """Return the processes that this one has started, and those that they have started."""
    found: list[int] = []
    for children in Path(f"/proc/{process_id}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


@pytest.fixture(scope="module")
def counted(directory: Path, prepared: Rig) -> Iterator[Counted]:
    file = directory / "tasks.json"
    server = (sys.executable, "-m", "tests.end_to_end.counted_server", str(file))
    with running(directory, prepared, server=server, limits=GENEROUS) as world:
        world.publish("pipe", "stdio", stdio_options())
        yield Counted(world, file)


@asynccontextmanager
async def behind_a_network(
    counted: Counted, tools: Downstream, **more: Any
) -> AsyncIterator[tuple[str, FaultyNetwork]]:
    """Publish the downstream as an MCP that is reached through a faulty network, and archive it in the end."""
    world, name = counted.world, counted.world.fresh("far")
    async with faulty_network(int(tools.url.split(":")[2].partition("/")[0])) as network:
        options = {"url": f"{network.url}/mcp"}
        await asyncio.to_thread(world.publish, name, "streamable_http", options, **more)
        yield name, network
        await asyncio.to_thread(world.ask, "POST", f"mcps/{name}/archive")


@asynccontextmanager
async def in_flight(
    world: World, caller: Caller, tool: str, started: Callable[[], int], arguments: Any = None
) -> AsyncIterator[list["asyncio.Task[tuple[int, bytes]]"]]:
    """Keep calls of every face in flight; those that have not ended by the end are given up."""
    known = started()
    async with aiohttp.ClientSession(world.rig.client_url, trust_env=False) as http:

        async def send(face: Face) -> tuple[int, bytes]:
            wire = face.call(caller.secret, tool, arguments or _FOREVER)
            async with http.request(wire.method, wire.path, data=wire.body, headers=wire.headers) as response:
                return response.status, await response.read()

        calls = [asyncio.create_task(send(FACES[number % len(FACES)])) for number in range(CALLS)]
        try:
            await asyncio.to_thread(until, lambda: started() >= known + CALLS, "the calls have arrived")
            yield calls
        finally:
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


def recovers(caller: Caller, tool: str) -> None:
    """Wait until calls of every face succeed: those that come before the next attempt to connect fail."""
    for face in FACES:
        until(lambda face=face: caller.call(face, tool, {"text": "hello"}).text == "hello", f"{tool} works")


def assert_failed(answers: list[tuple[int, bytes]]) -> None:
    for (status, content), face in zip(answers, FACES * CALLS, strict=False):
        assert face.read(status, content).failed, (face, status, content)


async def repeated(counted: Counted, round_: Callable[[], Awaitable[None]]) -> None:
    """Run rounds; no later one may leave more than the first."""
    await round_()
    # What the first round leaves for good, such as a thread or a pool, is there when nothing runs any more.
    bound = await asyncio.to_thread(steady, counted)
    for _ in range(ROUNDS):
        await round_()
        await asyncio.to_thread(counted.settle, bound)


def steady(counted: Counted) -> Counts:
    """Return the counts when they have stopped to change."""
    seen = [counted.counts()]

    def unchanged() -> bool:
        seen.append(counted.counts())
        return len(seen) > 10 and len({repr(each) for each in seen[-10:]}) == 1

    until(unchanged, "the counts stay the same")
    return seen[-1]


async def test_a_killed_program(counted: Counted):
    world = counted.world
    caller = world.caller()

    def calls() -> int:
        return len(world.events(action="call:tool:attempt", resource="pipe.slow"))

    async def kill() -> None:
        child = int(caller.call(FACES[0], "pipe__process").text.split()[0])
        async with in_flight(world, caller, "pipe__slow", calls) as running_calls:
            os.kill(child, signal.SIGKILL)
            assert_failed(await asyncio.gather(*running_calls))
        await asyncio.to_thread(recovers, caller, "pipe__echo")

    await repeated(counted, kill)


async def test_connections_that_break(counted: Counted, tools: Downstream):
    async with behind_a_network(counted, tools) as (name, network):
        caller = await asyncio.to_thread(counted.world.caller)

        async def break_() -> None:
            async with in_flight(counted.world, caller, f"{name}__slow", tools.count) as calls:
                network.reset()
                assert_failed(await asyncio.gather(*calls))
            await asyncio.to_thread(recovers, caller, f"{name}__echo")

        await repeated(counted, break_)


async def test_connections_that_hang(counted: Counted, tools: Downstream):
    async with behind_a_network(counted, tools, call_timeout_seconds=_TIMEOUT) as (name, network):
        caller = await asyncio.to_thread(counted.world.caller)

        async def hang() -> None:
            async with in_flight(counted.world, caller, f"{name}__slow", tools.count) as calls:
                network.stall()
                assert_failed(await asyncio.gather(*calls))
            network.reset()
            await asyncio.to_thread(recovers, caller, f"{name}__echo")

        await repeated(counted, hang)


async def test_answers_that_trickle(counted: Counted, tools: Downstream):
    async with behind_a_network(counted, tools, call_timeout_seconds=_TIMEOUT) as (name, network):
        caller = await asyncio.to_thread(counted.world.caller)
        long = {"steps": 1, "padding": 20_000}

        async def trickle() -> None:
            # The session of the user is open before the network is slow.
            async with in_flight(
                counted.world, caller, f"{name}__progress", tools.count, {"steps": 1}
            ) as calls:
                await asyncio.gather(*calls)
            network.slow_down(64, 0.05)
            network.packet_bytes, network.pause = 64, 0.05
            async with in_flight(counted.world, caller, f"{name}__progress", tools.count, long) as calls:
                assert_failed(await asyncio.gather(*calls))
            network.packet_bytes, network.pause = None, 0.0
            network.reset()
            await asyncio.to_thread(recovers, caller, f"{name}__echo")

        await repeated(counted, trickle)


async def test_hosts_that_go_away(counted: Counted, tools: Downstream):
    async with behind_a_network(counted, tools) as (name, _):
        caller = await asyncio.to_thread(counted.world.caller)

        async def leave() -> None:
            async with in_flight(counted.world, caller, f"{name}__slow", tools.count):
                pass
            await asyncio.to_thread(recovers, caller, f"{name}__echo")

        await repeated(counted, leave)


async def test_calls_that_wait_for_answers_when_the_connection_breaks(counted: Counted, tools: Downstream):
    async with behind_a_network(counted, tools) as (name, network):
        person = await asyncio.to_thread(counted.world.person)

        async def wait() -> None:
            async with aiohttp.ClientSession(counted.world.rig.client_url, trust_env=False) as http:
                calls = [
                    HeldCall(http, person.key, f"{name}__confirm", {"about": str(n)}) for n in range(CALLS)
                ]
                for body in await asyncio.gather(*(call.begin() for call in calls)):
                    assert body["result"]["resultType"] == "input_required", body
                network.reset()
                for body in await asyncio.gather(*(call.answer({"sure": True}) for call in calls)):
                    assert "error" in body or body["result"]["isError"], body

        await repeated(counted, wait)
