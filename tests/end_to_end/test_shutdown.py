"""The server shuts down in order: running calls get time, no process remains, and the exit code is 0."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, LEGACY, MCP_FACES, Mcp, Wire
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


def test_calls_past_the_drain_time_are_stopped_with_the_reason_and_recorded(
    world: World, caller: Caller, tools: Downstream
) -> None:
    arrived = tools.count()
    headers = {**LEGACY.call(caller.secret, "x", {}).headers, "Content-Length": "60000"}
    with (
        ThreadPoolExecutor(len(FACES) + len(MCP_FACES)) as threads,
        connected(world.rig.ports["port"]),
        connected(world.rig.ports["port"]) as crawling,
    ):
        crawling.sendall(head("POST", "/mcp", headers) + b"{")
        slow = [threads.submit(caller.call, face, "tools__slow", {"seconds": PATIENCE}) for face in FACES]
        streams = [threads.submit(caller.send, reporting(face, caller.secret)) for face in MCP_FACES]
        until(lambda: tools.count() == arrived + len(FACES) + len(MCP_FACES), "the calls are downstream")
        assert world.rig.stop() == 0
        answers = [future.result(timeout=PATIENCE) for future in slow]
        streamed = [future.result(timeout=PATIENCE) for future in streams]
    for answer in answers:
        assert (answer.status, answer.failed) == (200, True), answer
        assert "shutting down" in answer.text, answer
        assert "may have run" in answer.text, answer
    errors = [answer.body["error"] for answer in answers if answer.code is not None]
    for response in streamed:
        assert response.headers["Content-Type"] == "text/event-stream"
        events = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
        assert json.loads(events[0])["method"] == "notifications/progress"
        errors.append(json.loads(events[-1])["error"])
    assert [(error["code"], error["data"]) for error in errors] == [
        (-31004, {"reason": "server_stopping"})
    ] * (2 * len(MCP_FACES))
    world.start()
    newest = world.events(action="call:tool:outcome")[: len(FACES) + len(MCP_FACES)]
    assert {event["reason"] for event in newest} == {"server_stopping"}
    lifecycle = [event["action"] for event in world.events() if event["action"].startswith("system:server")]
    assert lifecycle[:2] == ["system:server:start", "system:server:stop"]


def reporting(face: Mcp, secret: str) -> Wire:
    """Build a call that reports its progress once, and answers late."""
    arguments = {"steps": 1, "seconds": PATIENCE}
    params = {"name": "tools__progress", "arguments": arguments, "_meta": {"progressToken": "p"}}
    return face.request(secret, "tools/call", params)


def test_server_is_not_ready_for_a_while_before_it_closes_its_ports(
    prepared: Rig, tools: Downstream, tmp_path: Path
) -> None:
    with running(tmp_path, prepared, limits=GENEROUS, lame_duck_seconds=PATIENCE) as world:
        world.publish("tools", "streamable_http", {"url": tools.url})
        caller = world.caller()
        assert world.http.get("/ready").status_code == 200
        process = world.rig.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        until(lambda: world.http.get("/ready").status_code == 503, "the server is not ready")
        assert world.http.get("/ready").json()["checks"]["accepting"] is False
        assert_works(caller)
        assert_works(world.caller())
        # A second signal ends the wait, which otherwise lasts longer than this test.
        assert world.rig.stop() == 0
        assert not accepts(world.rig.ports["port"])


def test_server_closes_its_ports_when_the_time_is_over(prepared: Rig, tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        tls=False,
        server_flags=("--lame-duck", "0.1"),
        is_preloaded=True,
        facts=dict(prepared.facts),
    )
    shutil.copytree(prepared.data_dir, rig.data_dir)
    rig.start()
    settings = rig.admin_json("server", "config")
    (lame_duck,) = [each for each in settings if each["name"] == "lame_duck_seconds"]
    assert lame_duck["value"] == 0.1
    assert rig.stop() == 0
    assert "not ready any more" in rig.log_file.read_text()


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
