"""Changes of a sink's position file skip no record and are named; a database that hangs does not stop delivery."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.test_audit_sinks import all_arrived, arrived, logged, sinks
from tests.end_to_end.test_database_hangs import hanging
from tests.end_to_end.world import World, running, until
from tests.patience import PATIENCE
from tests.rig import Rig
from tests.server.audit_sinks.receivers import WebhookReceiver


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[WebhookReceiver]:
    """Run a receiver in this process."""
    receiver = WebhookReceiver(tmp_path)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def world(tmp_path: Path, prepared: Rig, receiver: WebhookReceiver) -> Iterator[World]:
    """Run a server with this receiver as its sink."""
    webhook = {
        "type": "webhook",
        "url": f"https://127.0.0.1:{receiver.port}/audit",
        "secret": receiver.secret(),
        "ca_file": str(receiver.certificate),
        "linger_seconds": 0.05,
    }
    directory = tmp_path / "server"
    directory.mkdir()
    with running(directory, prepared, limits=GENEROUS, audit={"sinks": [webhook]}) as started:
        yield started


def forge_forward(file: Path, log: Path) -> None:
    lines, content = log.read_bytes().splitlines(), json.loads(file.read_bytes())
    # As if the records that are about to be written had been delivered already.
    content["main"] = {"seq": len(lines) + 40, "segment": 1, "offset": log.stat().st_size + 100_000}
    file.write_text(json.dumps(content))


def forge_backward(file: Path, log: Path) -> None:
    lines, content = log.read_bytes().splitlines(keepends=True), json.loads(file.read_bytes())
    content["main"] = {"seq": 2, "segment": 1, "offset": len(b"".join(lines[:2]))}
    file.write_text(json.dumps(content))


def delete(file: Path, _: Path) -> None:
    file.unlink()


def write_garbage(file: Path, _: Path) -> None:
    file.write_bytes(b'{"main": "\xff')


@pytest.mark.parametrize(
    ("forge", "kind", "again"),
    [
        (forge_forward, "sink_position_ahead", False),
        (forge_backward, "sink_position_behind", True),
        (delete, "sink_position_missing", False),
        (write_garbage, "sink_position_damaged", False),
    ],
)
async def test_change_of_the_position_file_skips_no_record_and_is_named(
    world: World, receiver: WebhookReceiver, forge: Callable[[Path, Path], None], kind: str, again: bool
) -> None:
    await all_arrived(world, receiver)
    assert await asyncio.to_thread(world.rig.stop) == 0
    await all_arrived(world, receiver)
    log = world.rig.data_dir / "audit" / "main"
    words = ("ambassador-server", "check", "--data-dir", str(world.rig.data_dir))
    configured = ("--config", str(world.rig.server_flags[1]), "--json")
    said = await asyncio.to_thread(world.rig.run, *words, *configured)
    assert json.loads(said.stdout)["audit sinks"]["ok"]

    forge(log / "sinks" / "webhook.position.json", log / "00000001.jsonl")
    said = await asyncio.to_thread(lambda: world.rig.run(*words, *configured, expect=1))
    assert "position" in json.loads(said.stdout)["audit sinks"]["detail"]
    before, count = set(arrived(receiver)), len(receiver.documents)
    await asyncio.to_thread(world.start)
    await asyncio.to_thread(world.person)
    await all_arrived(world, receiver)
    new = [(one["writer"], one["seq"]) for one in receiver.documents[count:]]
    assert bool(before & set(new)) == again
    assert set(arrived(receiver)) == set(logged(world))
    events = await asyncio.to_thread(lambda: world.events(action="system:audit-log:anomaly"))
    assert {(one["details"]["loss"], one["details"]["sink"]) for one in events} == {(kind, "webhook")}
    assert "main" in {one["resource"]["name"] for one in events}
    assert "position" in (await sinks(world))["webhook"]["anomaly"]

    await asyncio.to_thread(world.restart)
    assert (await sinks(world))["webhook"]["anomaly"] is None


async def test_delivery_goes_on_while_the_database_hangs(world: World, receiver: WebhookReceiver) -> None:
    await all_arrived(world, receiver)
    file = world.rig.data_dir / "audit" / "main" / "sinks" / "webhook.position.json"
    with hanging(world):
        # Refusals are recorded without the database.
        for number in range(3):
            await asyncio.to_thread(world.register, f"amb_pk_{number}")
            async with asyncio.timeout(PATIENCE):
                while arrived(receiver) != logged(world):  # noqa: ASYNC110 - the server is another process
                    await asyncio.sleep(0.05)
    until(
        lambda: (
            json.loads(file.read_bytes())["main"]["seq"]
            >= max(seq for writer, seq in arrived(receiver) if writer == "main")
        ),
        "the position is stored once the database answers",
    )
