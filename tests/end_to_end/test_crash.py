"""After the server was killed during calls, the audit contains every call that reached a downstream, in order."""

import asyncio
import itertools
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.effort import SOAK
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, MCP_FACES, Wire
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import Rig

ROUNDS = 3 * SOAK
CALLS = 1000
IN_FLIGHT = 32
KILL_AFTER = (200, 350, 500)


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server whose log has small segments."""
    small = {"segment_bytes": 65536, "checkpoint_records": 20}
    with running(directory, prepared, limits=GENEROUS, audit=small) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish_fixture("memos", "--offers", "resources")
        yield started


async def call_until_killed(
    world: World, tools: Downstream, caller: Caller, first: int, kill_after: int
) -> int:
    """Make concurrent calls and kill the server during them; return how many were answered."""
    numbers = itertools.islice(itertools.count(first), CALLS)
    answered = 0
    arrived = tools.count()

    async def work(http: aiohttp.ClientSession) -> None:
        nonlocal answered
        for number in numbers:
            wire = FACES[number % len(FACES)].call(
                caller.secret, "tools__echo", {"text": "x", "number": number}
            )
            url = world.rig.client_url + wire.path
            async with http.post(url, data=wire.body, headers=wire.headers) as response:
                assert response.status == 200, await response.text()
                await response.read()
                answered += 1
            if answered == kill_after and world.rig.process is not None:
                world.rig.process.kill()

    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        done = await asyncio.gather(*(work(http) for _ in range(IN_FLIGHT)), return_exceptions=True)
    assert any(isinstance(outcome, aiohttp.ClientError) for outcome in done), "the kill came among the calls"
    assert not [outcome for outcome in done if isinstance(outcome, AssertionError)]
    assert tools.count() - arrived >= answered
    return answered


def every_event(world: World) -> list[dict[str, Any]]:
    """Page through the whole index, oldest first."""
    events: list[dict[str, Any]] = []
    cursor = "0"
    while True:
        page = world.admin.get("/v1/admin/audit/events", params={"after": cursor, "limit": 1000}).json()
        events += page["items"]
        cursor = page["next_cursor"]
        if not page["items"]:
            return events


@pytest.mark.endurance
async def test_killed_server_has_recorded_every_call_that_reached_a_downstream(
    world: World, tools: Downstream, record_property: Callable[[str, object], None]
) -> None:
    caller = world.caller()
    answered: list[int] = []
    for number in range(ROUNDS):
        kill_after = KILL_AFTER[number % len(KILL_AFTER)]
        answered.append(await call_until_killed(world, tools, caller, number * CALLS, kill_after))
        assert world.rig.stop(signal.SIGKILL) == -signal.SIGKILL
        if number == ROUNDS - 1:
            checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
            assert "every chain is intact" in checked.stdout
        world.start()

    verified = world.rig.admin_json("audit", "verify")
    assert all(each["ok"] and each["without_outcome"] == 0 for each in verified)
    events = every_event(world)
    attempts = {
        event["details"]["arguments"]["number"] for event in events if event["action"] == "call:tool:attempt"
    }
    arrived = [call["arguments"]["number"] for call in tools.calls()]
    assert len(arrived) == len(set(arrived)), "no call ran twice"
    assert set(arrived) <= attempts
    assert sum(answered) <= len(arrived)
    outcomes = [event for event in events if event["action"] == "call:tool:outcome"]
    assert len(outcomes) >= sum(answered), "every answered call has its outcome"
    assert_every_attempt_has_one_outcome(events)

    closed = sum(event["reason"] == "server_killed" for event in outcomes)
    record_property("kill -9: rounds", ROUNDS)
    record_property("kill -9: calls answered", sum(answered))
    record_property("kill -9: calls in flight at a kill, closed by the next start", closed)

    for writer in {event["writer"] for event in events}:
        assert_no_gap_and_no_duplicate(world, writer, [e["seq"] for e in events if e["writer"] == writer])
    cursors = [int(event["cursor"]) for event in events]
    assert cursors == sorted(set(cursors))


def assert_every_attempt_has_one_outcome(events: list[dict[str, Any]]) -> None:
    """Assert that each call has ended once: with an answer, or with the outcome that the next start recorded."""
    attempts = {event["request_id"]: event for event in events if event["action"] == "call:tool:attempt"}
    outcomes = [event for event in events if event["action"] == "call:tool:outcome"]
    assert sorted(event["request_id"] for event in outcomes) == sorted(attempts)
    for event in outcomes:
        if event["reason"] == "server_killed":
            attempt = attempts[event["request_id"]]
            assert event["details"] == {"attempt_seq": attempt["seq"]}
            assert [event[name] for name in ("actor", "resource", "session_id", "source", "writer")] == [
                attempt[name] for name in ("actor", "resource", "session_id", "source", "writer")
            ]


async def test_start_closes_the_calls_that_were_in_flight_when_the_server_was_killed(
    world: World, tools: Downstream
) -> None:
    caller, arrived = world.caller(), tools.count()
    wires = [face.call(caller.secret, "tools__slow", {"seconds": 60}) for face in FACES]
    reads = [face.request(caller.secret, "resources/read", {"uri": "memo://slow"}) for face in MCP_FACES]
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        calls = [
            asyncio.create_task(send(http, world.rig.client_url + wire.path, wire))
            for wire in [*wires, *reads]
        ]
        while tools.count() < arrived + len(wires):  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.02)
        attempted = {"action": "call:resource:attempt", "session": caller.session_id}
        while len(world.events(**attempted)) < len(reads):  # noqa: ASYNC110 - the index is in a process of its own
            await asyncio.sleep(0.02)
        assert world.rig.stop(signal.SIGKILL) == -signal.SIGKILL
        done = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, aiohttp.ClientError) for outcome in done)

    checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
    assert f"attempts without an outcome, which may have run: {len(calls)}" in checked.stdout
    key = world.rig.facts["audit_key_file"]
    told = world.rig.admin(
        "audit", "verify", "--offline", str(world.rig.data_dir / "audit"), "--key", key
    ).stderr
    assert f"main: {len(calls)} attempts have no outcome" in told

    world.start()
    closed = world.events(reason="server_killed")[: len(calls)]
    ended = [(event["action"], event["resource"]["name"]) for event in closed]
    assert ended.count(("call:tool:outcome", "tools.slow")) == len(wires)
    assert ended.count(("call:resource:outcome", "memo://slow")) == len(reads)
    assert {event["outcome"] for event in closed} == {"failed"}
    number = len(world.events(reason="server_killed"))
    for event in closed:
        assert not world.ask("GET", f"audit/traces/{event['request_id']}")["open"]
    assert all(each["without_outcome"] == 0 for each in world.rig.admin_json("audit", "verify"))
    assert world.rig.stop(signal.SIGKILL) == -signal.SIGKILL
    world.start()
    assert len(world.events(reason="server_killed")) == number, "each attempt is closed once"


async def send(http: aiohttp.ClientSession, url: str, wire: Wire) -> bytes:
    """Send one call and return its answer."""
    async with http.post(url, data=wire.body, headers=wire.headers) as response:
        return await response.read()


def assert_no_gap_and_no_duplicate(world: World, writer: str, indexed: list[int]) -> None:
    """Assert that the index contains exactly the events of the log; segment headers have numbers, too."""
    segments = sorted((world.rig.data_dir / "audit" / writer).glob("*.jsonl"))
    assert len(segments) > 1 or writer != "main", "the log was rotated among the calls"
    lines = [json.loads(line) for segment in segments for line in segment.read_bytes().splitlines()]
    written = [line["seq"] for line in lines]
    assert written == list(range(1, len(written) + 1))
    events_written = [line["seq"] for line in lines if "event" in line]
    assert indexed == events_written[: len(indexed)]
    assert len(events_written) - len(indexed) <= 2, "only what happened since the question is missing"
