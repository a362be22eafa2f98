"""What a real server writes to its log: one JSON object per line, whatever wrote it, and the id of a failed request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.setting_sections import LogLevelsSection
from tests.end_to_end.faces import REST
from tests.end_to_end.test_audit_unavailable import broken_log
from tests.end_to_end.test_database_hangs import hanging
from tests.end_to_end.world import Downstream, World, running, until
from tests.rig import Rig


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, log_levels={"downstream": "debug"}, log_format="json") as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def lines(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.log_text().splitlines()]


def test_every_line_is_an_object_of_a_room(world: World) -> None:
    assert world.caller().call(REST, "tools__echo", {"text": "hello"}).succeeded
    world.restart()
    found = lines(world)
    assert {line["room"] for line in found} <= set(LogLevelsSection.model_fields)
    assert "downstream" in {line["room"] for line in found}
    assert [line["event"] for line in found].count("stopped") == 1
    assert all({"timestamp", "level", "event"} <= set(line) for line in found)


def test_a_request_that_failed_is_told_with_its_id(world: World) -> None:
    person = world.person()
    with hanging(world):
        refused = world.register(person.key)
    assert refused.status_code == 503
    wanted = refused.json()["request_id"]
    (line,) = until(
        lambda: [line for line in lines(world) if line.get("request_id") == wanted], "the log has the request"
    )
    assert (line["room"], line["level"]) == ("web", "warning")
    assert person.key not in world.log_text()


def test_what_is_told_below_the_edge_has_the_id_of_the_request(world: World) -> None:
    with broken_log(world):
        pass
    found = [line for line in lines(world) if "cannot take records" in line["event"]]
    assert [line["room"] for line in found] == ["audit"]
    assert len(found[0]["request_id"]) == 32
