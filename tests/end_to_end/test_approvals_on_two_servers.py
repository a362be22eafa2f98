"""Two servers on one database: an approval of one of them serves one call, whichever gets it first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.end_to_end.faces import LEGACY, REST, Answer
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.test_pins_on_two_servers import servers
from tests.end_to_end.two_servers import session
from tests.end_to_end.world import GROUP, Caller, World, until

__all__ = ["servers"]

EDIT = "shared__edit"


def test_approval_serves_one_call_on_one_of_the_servers(servers: tuple[World, World], tmp_path: Path) -> None:
    here, there = servers
    here.ask("POST", "groups", {"name": GROUP})
    here.ask("POST", "groups", {"name": "careful"})
    here.publish("shared", "stdio", options(tmp_path, {"tools": [tool("edit")]}))
    grant = {"group": "careful", "mcp": "shared", "approval": {"valid_seconds": 600}}
    here.ask("POST", "grants", grant)
    person = here.person("careful")
    callers = [session(world, person.key) for world in servers]
    until(lambda: all(EDIT in each.names(LEGACY) for each in callers), "both servers know the tool")

    def call(caller: Caller, number: int = 1) -> Answer:
        return caller.call(REST, EDIT, {"n": number})

    def pending(world: World) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = world.ask("GET", "approvals?filter=status%3Dpending")["items"]
        return items

    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(call, callers * 4))
        assert all("approval_pending" in each.text for each in refused), refused
        (request,) = pending(there)
        there.ask("POST", f"approvals/{request['id']}/approve", {})
        answers = list(pool.map(call, callers * 4))
    assert [each.failed for each in answers].count(False) == 1, answers
    assert call(callers[0]).failed, "the next call asks again"
    (second,) = pending(here)
    here.ask("POST", f"approvals/{second['id']}/approve", {})
    switch = there.ask("POST", "kill-switches", {"scope": "mcp", "target": "shared", "reason": "test"})
    until(lambda: "stopped by an administrator" in call(callers[0], 9).text, "the switch is in force here")
    assert "stopped by an administrator" in call(callers[0]).text
    there.ask("POST", f"kill-switches/{switch['id']}/lift")
    until(lambda: call(callers[1]).succeeded, "the approval was not used up by a stopped call")
    assert call(callers[0]).failed
