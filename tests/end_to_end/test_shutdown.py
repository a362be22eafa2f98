"""The server shuts down in order: running calls get time, no process remains, and the exit code is 0."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY
from tests.end_to_end.raw_http import connected, head
from tests.end_to_end.world import Caller, Downstream, World, assert_works, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

DRAIN_SECONDS = 3.0


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server with a short drain time."""
    with running(directory, prepared, limits=GENEROUS, drain_seconds=DRAIN_SECONDS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish_fixture("pipe")
        yield started


@pytest.fixture
def caller(world: World) -> Caller:
    """Open a session; start the server if an earlier test has stopped it."""
    if world.rig.process is None:
        world.start()
    return world.caller()


def children(world: World) -> list[int]:
    """Return the processes that the server started."""
    assert world.rig.process is not None
    listed = Path(f"/proc/{world.rig.process.pid}/task/{world.rig.process.pid}/children").read_text()
    return [int(word) for word in listed.split()]


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_calls_in_flight_are_answered_new_ones_refused_and_no_process_remains(
    world: World, caller: Caller, tools: Downstream
) -> None:
    spawned = int(caller.call(LEGACY, "pipe__spawn").text)
    started = [*children(world), spawned]
    assert len(started) > 1
    assert all(lives(pid) for pid in started)
    arrived = tools.count()
    with ThreadPoolExecutor(len(FACES)) as threads:
        slow = [threads.submit(caller.call, face, "tools__slow", {"seconds": 1}) for face in FACES]
        until(lambda: tools.count() == arrived + len(FACES), "the calls are downstream")
        assert world.rig.process is not None
        world.rig.process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(world.rig.ports["port"]), "the port is closed")
        assert [future.result(timeout=PATIENCE).text for future in slow] == ["awake"] * len(FACES)
        assert world.rig.process.wait(timeout=PATIENCE) == 0
    world.rig.process = None
    until(lambda: not any(lives(pid) for pid in started), "every process is gone")


def test_calls_past_the_drain_time_are_cancelled_and_recorded(
    world: World, caller: Caller, tools: Downstream
) -> None:
    arrived = tools.count()
    headers = {**LEGACY.call(caller.secret, "x", {}).headers, "Content-Length": "60000"}
    with (
        ThreadPoolExecutor(len(FACES)) as threads,
        connected(world.rig.ports["port"]),
        connected(world.rig.ports["port"]) as crawling,
    ):
        crawling.sendall(head("POST", "/mcp", headers) + b"{")
        slow = [
            threads.submit(caller.call, face, "tools__slow", {"seconds": DRAIN_SECONDS * 1.9})
            for face in FACES
        ]
        until(lambda: tools.count() == arrived + len(FACES), "the calls are downstream")
        assert world.rig.stop() == 0
        # If the server waited for the drain time twice, they would be answered.
        for future in slow:
            with pytest.raises(httpx.TransportError):
                future.result(timeout=PATIENCE)
    world.start()
    newest = world.events(resource="tools.slow")[: len(FACES)]
    assert {(event["action"], event["reason"]) for event in newest} == {("call:tool:outcome", "cancelled")}
    lifecycle = [event["action"] for event in world.events() if event["action"].startswith("system:server")]
    assert lifecycle[:2] == ["system:server:start", "system:server:stop"]


def test_sigint_shuts_down_in_order(world: World, caller: Caller) -> None:
    assert_works(caller)
    assert world.rig.stop(signal.SIGINT) == 0
    assert "Traceback" not in world.log_text()
    checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
    assert "every chain is intact" in checked.stdout


def accepts(port: int) -> bool:
    try:
        with connected(port):
            return True
    except OSError:
        return False
