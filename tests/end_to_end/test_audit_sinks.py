"""A server with a webhook is killed under load: the receiver misses no record, and calls are not delayed."""

import asyncio
import itertools
import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.audit_sinks.receivers import SECRET, WebhookReceiver

CALLS = 600
IN_FLIGHT = 16
KILL_AFTER = 300


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[WebhookReceiver]:
    """Run a receiver in this process."""
    receiver = WebhookReceiver(tmp_path)
    await receiver.start()
    yield receiver
    receiver.answering.set()
    await receiver.stop()


@pytest.fixture
def world(tmp_path: Path, prepared: Rig, tools: Downstream, receiver: WebhookReceiver) -> Iterator[World]:
    """Run a server with two sinks: the receiver, and one whose receiver does not exist."""
    webhook = {
        "type": "webhook",
        "url": f"https://127.0.0.1:{receiver.port}/audit",
        "secret": receiver.secret(),
        "ca_file": str(receiver.certificate),
        "batch_records": 50,
        "linger_seconds": 0.05,
    }
    refused = {"type": "syslog", "host": "127.0.0.1", "port": 9, "protocol": "tcp", "linger_seconds": 0.05}
    audit = {"segment_bytes": 65536, "sinks": [webhook, refused]}
    directory = tmp_path / "server"
    directory.mkdir()
    with running(directory, prepared, limits=GENEROUS, audit=audit) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


async def call(world: World, caller: Caller, count: int, kill_after: int | None = None) -> int:
    """Make concurrent calls and kill the server after some of them; return how many were answered."""
    numbers, answered = iter(range(count)), itertools.count(1)
    done = 0

    async def work(http: aiohttp.ClientSession) -> None:
        nonlocal done
        for number in numbers:
            wire = FACES[number % len(FACES)].call(caller.secret, "tools__echo", {"text": "x"})
            url = world.rig.client_url + wire.path
            async with http.post(url, data=wire.body, headers=wire.headers) as response:
                assert response.status == 200, await response.text()
                await response.read()
            done = next(answered)
            if done == kill_after and world.rig.process is not None:
                world.rig.process.kill()

    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as http:
        outcomes = await asyncio.gather(*(work(http) for _ in range(IN_FLIGHT)), return_exceptions=True)
    unexpected = [each for each in outcomes if isinstance(each, BaseException)]
    if kill_after is None:
        assert unexpected == []
    assert not [each for each in unexpected if not isinstance(each, aiohttp.ClientError)]
    return done


def logged(world: World) -> dict[tuple[str, int], str]:
    """Return the action of every event of the log, by writer and number."""
    found = {}
    for segment in sorted((world.rig.data_dir / "audit").glob("*/*.jsonl")):
        for line in segment.read_bytes().splitlines():
            record = json.loads(line)
            if "event" in record:
                found[segment.parent.name, record["seq"]] = record["event"]["action"]
    return found


def arrived(receiver: WebhookReceiver) -> dict[tuple[str, int], str]:
    """Return what the receiver got; assert that the records were in order apart from repeated ones."""
    found: dict[tuple[str, int], str] = {}
    last: dict[str, int] = {}
    for one in receiver.documents:
        key = one["writer"], one["seq"]
        if key not in found:
            assert one["seq"] > last.get(one["writer"], 0)
            found[key] = one["action"]
            last[one["writer"]] = one["seq"]
    return found


async def all_arrived(world: World, receiver: WebhookReceiver) -> None:
    async with asyncio.timeout(PATIENCE):
        while arrived(receiver) != logged(world):  # noqa: ASYNC110 - the server is another process
            await asyncio.sleep(0.1)


async def sinks(world: World) -> dict[str, Any]:
    health = await asyncio.to_thread(world.ask, "GET", "server/health")
    return {sink["name"]: sink for sink in health["sinks"]}


async def test_calls_continue_while_the_receiver_hangs_and_no_record_is_lost_after_a_kill(
    world: World, receiver: WebhookReceiver
) -> None:
    caller = await asyncio.to_thread(world.caller)
    receiver.answering.clear()
    held_at = len(receiver.documents)
    assert await call(world, caller, CALLS) == CALLS, "every call is answered while the sinks stand still"
    assert len(receiver.documents) - held_at <= 100, "a receiver that does not answer gets no more"
    ready = await asyncio.to_thread(world.http.get, "/ready")
    assert ready.status_code == 200
    assert "sink" not in ready.text
    told = await sinks(world)
    assert told["webhook"]["behind"] >= CALLS
    assert told["syslog"]["state"] == "failing"
    assert "cannot be reached" in told["syslog"]["last_error"]

    assert KILL_AFTER <= await call(world, caller, CALLS, KILL_AFTER) < CALLS
    assert await asyncio.to_thread(world.rig.stop, signal.SIGKILL) == -signal.SIGKILL
    receiver.answering.set()
    await asyncio.to_thread(world.start)
    await all_arrived(world, receiver)

    await call(world, await asyncio.to_thread(world.caller), 50, KILL_AFTER)
    await asyncio.to_thread(world.restart)
    assert "system:server:stop" in arrived(receiver).values(), (
        "the end of the server is delivered before it ends"
    )
    await all_arrived(world, receiver)
    shown = await asyncio.to_thread(world.rig.admin, "server", "health")
    assert "webhook: " in shown.stdout
    assert "failing" in shown.stdout
    assert SECRET not in shown.stdout + world.log_text() + json.dumps(await sinks(world))
