"""Calls of a host at a real server that is killed, ends their session, or whose host is killed."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.client.host import Host, environment, host
from tests.effort import SOAK
from tests.end_to_end.world import Downstream, Person, World, until
from tests.patience import PATIENCE

RESTARTS = 10 * SOAK
"""How often the server dies; the first time it is killed, the next time asked to go, and so on."""

WORKERS = 12
STORMS = 3
CALLS = 50
CALLS_BEFORE_THE_END = 40
SLOW_SECONDS = 0.05
MAY_HAVE_RUN = "may have run"


@pytest.fixture
def person(world: World) -> Person:
    return world.person()


@pytest.fixture
def env(world: World, person: Person, tmp_path: Path) -> dict[str, str]:
    return environment(world.rig.client_url, tmp_path, MCP_AMBASSADOR_PRESHARED_KEY=person.key)


@pytest.fixture
async def proxy(env: dict[str, str]) -> AsyncIterator[Host]:
    async with host(env) as running:
        yield running


def sessions(world: World, person: Person) -> list[str]:
    """Return the ids of the open sessions of a user."""
    return [each["id"] for each in world.ask("GET", f"sessions?filter=user={person.name}")["items"]]


class Call(NamedTuple):
    """A call and its answer; `phase` is set if the server ran all the time between them."""

    number: int
    phase: int | None
    answer: dict[str, Any]

    @property
    def outcome(self) -> str:
        if "result" in self.answer:
            return "result"
        return "unknown" if MAY_HAVE_RUN in self.answer["error"]["message"] else "did not run"


class Caller:
    """Keeps calls in flight while the server restarts; `phase` is odd while it is down."""

    def __init__(self, proxy: Host) -> None:
        self.calls: list[Call] = []
        self.phase = 0
        self.is_over = False
        self.changed = asyncio.Condition()
        self._proxy = proxy
        self._numbers = iter(range(1, 1 << 30))

    async def enter(self, phase: int) -> None:
        async with self.changed:
            self.phase = phase
            self.changed.notify_all()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(condition)

    async def work(self) -> None:
        while not self.is_over:
            before = self.phase
            call = await self._call()
            async with self.changed:
                self.calls.append(call)
                self.changed.notify_all()
            if call.outcome != "result" and before % 2:
                # One call while the server is down is enough: the client reports at once that it is unreachable.
                await self.until(lambda before=before: self.phase > before)

    async def _call(self) -> Call:
        number, before = next(self._numbers), self.phase
        name = "tools__slow" if number % 3 == 0 else "tools__echo"
        arguments = {"text": "x", "number": number, "seconds": SLOW_SECONDS}
        answer = await self._proxy.call(name, arguments, modern=number % 2 == 0)
        return Call(number, before if before == self.phase and before % 2 == 0 else None, answer)


@pytest.mark.soak
async def test_no_call_is_lost_or_run_twice_while_the_server_restarts(
    world: World, tools: Downstream, proxy: Host
) -> None:
    await proxy.initialize()
    caller = Caller(proxy)
    workers = [asyncio.create_task(caller.work()) for _ in range(WORKERS)]
    for restart in range(RESTARTS):
        enough = len(caller.calls) + CALLS_BEFORE_THE_END
        await caller.until(lambda enough=enough: len(caller.calls) >= enough)
        await caller.enter(2 * restart + 1)
        number = signal.SIGKILL if restart % 2 == 0 else signal.SIGTERM
        code = await asyncio.to_thread(world.rig.stop, number)
        assert code == (-number if number == signal.SIGKILL else 0)
        await asyncio.to_thread(world.start)
        await caller.enter(2 * restart + 2)
    enough = len(caller.calls) + CALLS_BEFORE_THE_END
    await caller.until(lambda: len(caller.calls) >= enough)
    caller.is_over = True
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*workers)

    ran = Counter(call["arguments"]["number"] for call in tools.calls())
    outcomes = Counter(call.outcome for call in caller.calls)
    print(f"{RESTARTS} restarts, {len(caller.calls)} calls, {dict(outcomes)}, {ran.total()} executions")
    assert len(proxy.answers) == len(caller.calls) + 1, "one answer to each, and one to the handshake"
    assert set(ran.values()) == {1}, "no call ran twice"
    said = {
        outcome: {call.number for call in caller.calls if call.outcome == outcome} for outcome in outcomes
    }
    assert said["result"] <= ran.keys()
    assert not said.get("did not run", set()) & ran.keys(), "who is told that nothing ran can believe it"
    assert ran.keys() <= said["result"] | said.get("unknown", set())
    wrong = [call for call in caller.calls if call.phase is not None and call.outcome != "result"]
    assert not wrong, "while the server is there, calls have results"
    assert await proxy.leave() == 0


async def test_a_hundred_calls_whose_session_is_revoked_share_one_new_one(
    world: World, tools: Downstream, person: Person, proxy: Host
) -> None:
    """A call that is in flight when its session is revoked can be refused; one that begins later is not."""
    await proxy.initialize()
    assert "result" in await proxy.call("tools__echo", {"text": "x"})
    seen = set(sessions(world, person))
    assert len(seen) == 1
    for storm in range(1, STORMS + 1):
        before = tools.count()
        (session,) = sessions(world, person)
        ids = [
            proxy.start_request("tools/call", {"name": "tools__echo", "arguments": {"text": "x"}})
            for _ in range(CALLS)
        ]
        world.ask("POST", f"sessions/{session}/revoke")
        ids += [
            proxy.start_request("tools/call", {"name": "tools__echo", "arguments": {"text": "x"}})
            for _ in range(CALLS)
        ]
        answers = [await proxy.answer(number) for number in ids]
        stopped = [each for each in answers[:CALLS] if "error" in each]
        assert all(each["error"]["data"]["reason"] == "session_ended" for each in stopped)
        assert all("result" in each for each in answers[CALLS:])
        assert len(ids) - len(stopped) <= tools.count() - before <= len(ids)
        seen |= set(sessions(world, person))
        assert len(seen) == 1 + storm
    assert len(world.events(action="session:client:open", user=person.name)) == 1 + STORMS


_HOST = """
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-m", "ambassador_client", "proxy"], stdin=0, stdout=1)
signal.pause()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and signals")
async def test_a_host_killed_during_calls_leaves_no_process_and_no_session(
    world: World, tools: Downstream, person: Person, env: dict[str, str]
) -> None:
    """Another process has inherited its pipes and lives on."""
    before = tools.count()
    read_end, write_end = os.pipe()
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOST, env=env, stdin=read_end, stdout=PIPE, stderr=PIPE
    )
    os.close(read_end)
    assert killed.stdout is not None
    assert killed.stderr is not None
    slow = {"name": "tools__slow", "arguments": {"seconds": 60}}
    for number in range(WORKERS):
        call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": slow}
        os.write(write_end, json.dumps(call).encode() + b"\n")
    await asyncio.to_thread(until, lambda: tools.count() - before == WORKERS, "the calls run")
    assert len(sessions(world, person)) == 1
    killed.kill()
    async with asyncio.timeout(PATIENCE):
        # The proxy inherited both: they end with the last of the two processes.
        assert await killed.stdout.read() == b""
        assert await killed.stderr.read() == b""
        await killed.wait()
    os.close(write_end)
    assert sessions(world, person) == []
    assert tools.count() - before == WORKERS
