"""A full audit disk under load: every call is answered, no unrecorded call runs, and the chain is whole afterwards."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Caller, Downstream, World, running
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.soak.small_disk import Disk, on_small_disk

ROUNDS = 10
CALLERS = 24
ENOUGH = 4 * CALLERS
"""How many calls are served, and how many refused, before the disk changes."""
UNBOUND = {"calls_per_minute": 10**9, "audit_bytes_per_minute": 10**12}


@pytest.fixture
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server whose log has small segments and many checkpoints."""
    small = {"segment_bytes": 262144, "checkpoint_records": 50}
    with running(directory, prepared, limits=GENEROUS | UNBOUND, audit=small) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


class Load:
    """Callers who call without a pause, and one who polls `/ready`."""

    def __init__(self, world: World, caller: Caller, numbers: Iterator[int]) -> None:
        self.served: list[int] = []
        self.refused: list[int] = []
        self.ready = 0
        self._url = world.rig.client_url
        self._secret = caller.secret
        self._numbers = numbers
        self._is_over = False

    async def run(self, disk: Disk) -> float:
        """Fill the disk among the calls and free it again; return the seconds until calls were served again."""
        async with asyncio.TaskGroup() as group, aiohttp.ClientSession() as http:
            tasks = [group.create_task(self._call(http)) for _ in range(CALLERS)]
            tasks.append(group.create_task(self._poll(http)))
            await self._until(lambda: len(self.served) >= ENOUGH)
            await asyncio.to_thread(disk.fill)
            await self._until(lambda: len(self.refused) >= ENOUGH and self.ready == 503)
            disk.free()
            freed, before = time.perf_counter(), len(self.served)
            await self._until(lambda: len(self.served) > before and self.ready == 200)
            seconds = time.perf_counter() - freed
            await self._until(lambda: len(self.served) >= before + ENOUGH)
            self._is_over = True
            await asyncio.wait(tasks)
        return seconds

    async def _call(self, http: aiohttp.ClientSession) -> None:
        while not self._is_over:
            number = next(self._numbers)
            face = FACES[number % len(FACES)]
            wire = face.call(self._secret, "tools__echo", {"text": "x" * 200, "number": number})
            async with http.post(self._url + wire.path, data=wire.body, headers=wire.headers) as response:
                content = await response.read()
            answer = face.read(response.status, content)
            if answer.succeeded:
                self.served.append(number)
            else:
                assert b"audit" in content, content
                self.refused.append(number)

    async def _poll(self, http: aiohttp.ClientSession) -> None:
        while not self._is_over:
            async with http.get(self._url + "/ready") as response:
                self.ready = response.status
                await response.read()
            await asyncio.sleep(0.02)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - what is awaited is counted by many tasks
                await asyncio.sleep(0.01)


@pytest.mark.endurance
async def test_full_disk_breaks_no_chain_and_leaves_no_call_unanswered(
    world: World, tools: Downstream, record_property: Callable[[str, object], None]
) -> None:
    numbers = itertools.count()
    served: list[int] = []
    refused: list[int] = []
    seconds: list[float] = []
    with on_small_disk(world) as disk:
        for _ in range(ROUNDS):
            load = Load(world, world.caller(), numbers)
            seconds.append(await load.run(disk))
            served += load.served
            refused += load.refused
            assert world.rig.stop() == 0
            checked = world.rig.run("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
            assert "every chain is intact" in checked.stdout
            world.start()
        verified = world.rig.admin_json("audit", "verify")
        attempts = attempted(world.rig.data_dir / "audit" / "main")
    record_property("full disk: rounds", ROUNDS)
    record_property("full disk: calls served", len(served))
    record_property("full disk: calls refused", len(refused))
    record_property("full disk: longest seconds from free space to served and ready", round(max(seconds), 2))
    record_property(
        "full disk: attempts without an outcome", sum(each["without_outcome"] for each in verified)
    )
    assert all(each["ok"] for each in verified)
    arrived = {call["arguments"]["number"] for call in tools.calls()}
    assert set(served) <= arrived <= attempts, "what ran was recorded, and what was answered ran"
    assert not arrived & set(refused), "no refused call ran"


def attempted(log: Path) -> set[int]:
    """Return the numbers of all calls with an attempt in the log."""
    lines = [line for segment in log.glob("*.jsonl") for line in segment.read_bytes().splitlines()]
    events = [json.loads(line).get("event", {}) for line in lines]
    return {
        event["details"]["arguments"]["number"]
        for event in events
        if event.get("action") == "call:tool:attempt"
    }
