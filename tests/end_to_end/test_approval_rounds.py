"""A modern host is asked whether its user waits for an approval; a call that asks questions needs one approval."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.test_approvals import decide, granted, pending
from tests.end_to_end.test_request_states import answers, call, yes
from tests.end_to_end.world import Caller, Downstream, Person, World, downstream, running
from tests.rig import Rig

DOWNSTREAMS = ("far", "modern")
WAITED = {"action": "accept", "content": {}}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with (
        downstream(directory, "--era", "modern") as modern,
        running(directory, prepared, limits=GENEROUS, approvals={"hold_seconds": 0}) as started,
    ):
        started.publish("far", "streamable_http", {"url": tools.url})
        started.publish("modern", "streamable_http", {"url": modern.url})
        yield started


def both(world: World, mcp: str) -> tuple[Person, Caller]:
    return granted(world, mcp=mcp)


def waits(message: dict[str, Any]) -> bool:
    """Tell whether the host is asked to let its user wait."""
    result = message["result"]
    return result["resultType"] == "input_required" and set(result["inputRequests"]) == {"approval"}


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_host_is_asked_once_and_repeats_the_call_when_it_is_approved(world: World, mcp: str) -> None:
    person, caller = both(world, mcp)
    asked = call(caller, mcp, 0)
    assert waits(asked)
    question = asked["result"]["inputRequests"]["approval"]["params"]
    assert pending(world, person)[0]["id"] in question["message"]
    too_early = call(caller, mcp, 0, **answers(asked, WAITED))["result"]
    assert too_early["isError"] is True
    assert "approval_pending" in too_early["content"][0]["text"]
    decide(world, person)
    assert "isError" not in call(caller, mcp, 0, **answers(asked, WAITED))["result"]
    assert waits(call(caller, mcp, 0))


@pytest.mark.parametrize("mcp", DOWNSTREAMS)
def test_call_that_asks_questions_needs_one_approval_and_no_round_serves_twice(
    world: World, mcp: str
) -> None:
    person, caller = both(world, mcp)
    assert waits(call(caller, mcp, 2))
    decide(world, person)
    first = call(caller, mcp, 2)
    second = call(caller, mcp, 2, **answers(first, yes("1")))
    assert not waits(second)
    replayed = call(caller, mcp, 2, **answers(first, yes("again")))
    done = call(caller, mcp, 2, **answers(second, yes("2")))
    assert done["result"]["structuredContent"]["answers"] == [yes("1"), yes("2")]
    if mcp == "modern":
        assert "does not serve any more" in replayed["result"]["content"][0]["text"]
    else:
        assert replayed["error"]["code"] == -32602
    assert pending(world, person) == []


def test_call_of_a_user_who_declines_is_not_sent_though_it_is_approved(world: World) -> None:
    person, caller = both(world, "far")
    asked = call(caller, "far", 0)
    decide(world, person)
    for answer in ({"action": "decline"}, {"action": "cancel"}, {}, "yes"):
        declined = call(caller, "far", 0, **answers(asked, answer))["result"]
        assert declined["isError"] is True
        assert "not sent" in declined["content"][0]["text"]
    assert "isError" not in call(caller, "far", 0)["result"], "the approval was not used"
