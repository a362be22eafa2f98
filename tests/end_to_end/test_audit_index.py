"""The server copies its audit log to the index in a process of its own, which ends with it and is started again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.faces import FACES
from tests.end_to_end.world import World, running, until
from tests.rig import BIN, Rig
from tests.server.downstream.support import is_alive


@pytest.fixture
def world(tmp_path: Path, prepared: Rig) -> Iterator[World]:
    """Run a server of this test's own."""
    # Started as people start it: this process of a preloaded server is forked.
    with running(tmp_path, prepared, server=(str(BIN / "ambassador-server"),)) as started:
        started.publish_fixture("tools")
        yield started


def index_processes(world: World) -> list[int]:
    """Return the numbers of the processes that copy logs and were started by this server."""
    assert world.rig.process is not None
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            command = (directory / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == world.rig.process.pid and b"index_process" in command:
            found.append(int(directory.name))
    return found


def index_process(world: World) -> int:
    """Return the number of the one process, once it copies."""
    until(lambda: health(world)["runner"] == "process", "a process copies the log")
    [found] = index_processes(world)
    return found


def health(world: World) -> Any:
    return world.ask("GET", "server/health")["audit_index"]


def attempts(world: World) -> int:
    return len(world.events(action="call:tool:attempt"))


def test_its_state_is_shown_to_administrators_and_its_lag_to_probes(world: World) -> None:
    index_process(world)
    assert world.events()
    state = health(world)
    assert (state["runner"], state["restarts"], state["failure"]) == ("process", 0, None)
    assert state["indexed_until"] is not None
    ready = httpx.get(f"{world.rig.client_url}/ready").json()
    assert set(ready["audit_index"]) == {"behind_records", "behind_seconds"}
    assert "AUDIT INDEX" in world.rig.admin("server", "health").stdout


def test_a_killed_process_is_started_again_and_no_event_is_missing(world: World) -> None:
    caller, pid = world.caller(), index_process(world)
    for number in range(3):
        caller.call(FACES[0], "tools__echo", {"text": str(number)})
        os.kill(pid, signal.SIGKILL)
        caller.call(FACES[0], "tools__echo", {"text": str(number)})
        assert attempts(world) == 2 * (number + 1)
        until(lambda: health(world)["runner"] == "process", "another process copies the log")
        pid = index_process(world)
    assert health(world)["restarts"] == 3
    assert "the process of the audit index ended" in world.log_text()


def test_while_it_hangs_an_answer_comes_and_says_what_it_lacks(world: World) -> None:
    caller, pid = world.caller(), index_process(world)
    before = attempts(world)
    os.kill(pid, signal.SIGSTOP)
    try:
        caller.call(FACES[0], "tools__echo", {"text": "unseen"})
        answer = world.ask("GET", "audit/events?action=call:tool:attempt")
        assert len(answer["items"]) == before
        assert answer["index"]["behind_records"] >= 2
        assert "lacks about" in world.rig.admin("audit", "query").stderr
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: attempts(world) == before + 1, "the event is indexed")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_server(world: World, number: signal.Signals) -> None:
    pid = index_process(world)
    world.rig.stop(number)
    until(lambda: not is_alive(pid), "the process has ended with its server")
    world.start()
    assert index_process(world) != pid
