"""A call counts once in statistics, whichever of its events they find, and hours have their denials."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES
from tests.end_to_end.world import Downstream, World, running
from tests.rig import Rig

CALLS, DENIALS = 5, 3


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server on which a user has called a tool some times, and another one without success."""
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        caller = started.caller()
        for _ in range(CALLS):
            assert caller.call(FACES[0], "tools__echo", {"text": "x"}).succeeded
        for _ in range(DENIALS):
            assert caller.call(FACES[0], "tools__nothing", {}).failed
        yield started


def counted(world: World, *words: str) -> dict[str | None, int]:
    found = world.rig.admin_json("audit", "stats", *words)
    assert found["total"] == sum(each["count"] for each in found["values"]) + found["other"]
    return {each["value"]: each["count"] for each in found["values"]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--by", "tool", "tool=tools.echo"], {"tools.echo": CALLS}),
        (["--by", "outcome", "tool=tools.echo"], {"succeeded": CALLS}),
        (["--by", "action", "tool=tools.echo"], {"call:tool:outcome": CALLS}),
        # A query that can only find the attempts counts these.
        (["--by", "tool", "tool=tools.echo", "decision=permit"], {"tools.echo": CALLS}),
        (["--by", "action", "action=call:tool:attempt"], {"call:tool:attempt": CALLS}),
        (["--by", "decision", "action~call:*"], {"permit": CALLS, "deny": DENIALS}),
        (["--by", "action", "action~call:*"], {"call:tool:outcome": CALLS, "call:tool:deny": DENIALS}),
        (["--by", "reason", "decision=deny", "kind=tool"], {"unknown_tool": DENIALS}),
    ],
)
def test_call_counts_once(world: World, words: list[str], expected: dict[str, int]) -> None:
    assert counted(world, *words) == expected


def test_hours_count_calls_once_and_their_denials(world: World) -> None:
    found: dict[str, Any] = world.rig.admin_json("audit", "stats", "--by", "hour", "action~call:*")
    assert sum(each["count"] for each in found["values"]) == found["total"] == CALLS + DENIALS
    assert sum(each["denied"] for each in found["values"]) == DENIALS
    assert all(each["value"].endswith(":00:00.000Z") for each in found["values"])
    lines = world.rig.admin("audit", "stats", "--by", "hour", "action~call:*").stdout.splitlines()
    assert lines[0].split() == ["HOUR", "COUNT", "SHARE", "DENIED"]
    assert sum(int(line.split()[2]) for line in lines[1:]) == CALLS + DENIALS
    none = world.rig.admin("audit", "stats", "--by", "hour", "reason=none")
    assert (none.stdout, none.stderr) == ("", "No events.\n")
