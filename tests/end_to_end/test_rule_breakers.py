"""A downstream that breaks the rules about answers and questions harms no call but its own, and nothing is written."""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import MCP_FACES, MODERN, Face
from tests.end_to_end.legacy_host import begin
from tests.end_to_end.world import World, running, until
from tests.fakes.mcp_servers import flooding_server
from tests.fakes.mcp_servers.flooding_server import SECRET, TOOLS
from tests.rig import Rig

CAPABILITIES = {"elicitation": {"form": {}}, "roots": {}}
META = {
    "_meta": {
        "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
        "io.modelcontextprotocol/logLevel": "debug",
        "progressToken": "mine",
    }
}
SESSIONS = ("auto", "per_user", "shared")
MCPS = [each.replace("_", "-") for each in SESSIONS]
UNHARMED = [name for name in TOOLS if name != "closes"]


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    """Run a server with the downstream once for each kind of sessions."""
    with running(directory, prepared, limits=GENEROUS) as started:
        options = {"command": [sys.executable, flooding_server.__file__]}
        for sessions in SESSIONS:
            started.publish(sessions.replace("_", "-"), "stdio", options, sessions=sessions)
        yield started


@pytest.mark.parametrize("face", MCP_FACES, ids=repr)
@pytest.mark.parametrize("mcp", MCPS)
@pytest.mark.parametrize("tool", UNHARMED)
def test_a_call_gets_its_own_answer(world: World, face: Face, tool: str, mcp: str) -> None:
    caller, other = world.caller(), world.caller()
    with ThreadPoolExecutor() as threads:
        calls = [threads.submit(each.call, face, f"{mcp}__{tool}") for each in (caller, other, caller)]
        assert [each.result().text for each in calls] == [tool] * 3
    assert other.call(face, f"{mcp}__echo").text == "echo"


@pytest.mark.parametrize("mcp", MCPS)
@pytest.mark.parametrize("tool", UNHARMED)
def test_a_host_that_can_be_asked_gets_the_answer_and_nothing_of_others(
    world: World, tool: str, mcp: str
) -> None:
    host, other = begin(world.caller(), CAPABILITIES), begin(world.caller(), CAPABILITIES)
    with host.call(f"{mcp}__{tool}") as stream, other.call(f"{mcp}__echo") as others:
        for messages, text in ((stream, tool), (others, "echo")):
            *asked, last = messages
            assert last["result"]["content"][0]["text"] == text
            if messages is others:
                assert asked == []


@pytest.mark.parametrize("mcp", MCPS)
def test_a_program_that_ends_after_its_question_fails_its_call_alone(world: World, mcp: str) -> None:
    caller = world.caller()
    assert caller.call(MODERN, f"{mcp}__closes").failed
    until(lambda: caller.call(MODERN, f"{mcp}__echo").text == "echo", "the program runs again")


@pytest.mark.parametrize("mcp", MCPS)
def test_every_call_has_one_outcome_and_no_content_is_written(world: World, mcp: str) -> None:
    caller = world.caller()
    for tool in TOOLS:
        params: dict[str, Any] = {"name": f"{mcp}__{tool}", "arguments": {}, **META}
        caller.send(MODERN.request(caller.secret, "tools/call", params))

    def ended() -> Counter[str] | None:
        found = Counter(each["action"] for each in world.events(session=caller.session_id))
        return found if found["call:tool:outcome"] == len(TOOLS) else None

    found = until(ended, "every call has an outcome")
    assert found["call:tool:attempt"] == len(TOOLS)
    assert found["call:tool:deny"] == 0
    assert SECRET not in world.log_text()
    assert SECRET not in str(world.events(session=caller.session_id))
    written = [each.read_bytes() for each in world.rig.data_dir.rglob("*") if each.is_file()]
    assert written
    assert not any(SECRET.encode() in each for each in written)
