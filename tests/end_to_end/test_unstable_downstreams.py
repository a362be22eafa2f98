"""A host notices nothing of a downstream that loses sessions or connections, or that spoils its first line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import scripted_server
from tests.end_to_end.faces import FACES, Face
from tests.end_to_end.unstable_server import UnstableServer, serve_unstable
from tests.end_to_end.world import Caller, World

REFUSALS = {
    "404": (404, "text/plain", ""),
    "400": (400, "application/json", '{"error":"Bad Request: No valid session ID provided"}'),
    "401": (401, "text/plain", "Unauthorized: Session not found"),
    "500": (500, "text/plain", "session not found"),
    "200": (
        200,
        "application/json",
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session expired"}}',
    ),
}
_SPOILS = """
import runpy, sys
sys.stdout.write("\\ufeffMy server is ready> ")
sys.stdout.flush()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def unstable(world: World) -> Iterator[UnstableServer]:
    with serve_unstable() as server:
        world.publish("unstable", "streamable_http", {"url": server.url})
        yield server


@pytest.fixture(scope="module")
def caller(world: World, unstable: UnstableServer) -> Caller:
    return world.caller()


@pytest.mark.parametrize("face", FACES, ids=repr)
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_lost_session_costs_no_call(
    caller: Caller, unstable: UnstableServer, refusal: tuple[int, str, str], face: Face
) -> None:
    unstable.refusal = refusal
    unstable.calls.clear()
    unstable.sessions.clear()
    answer = caller.call(face, "unstable__echo", {"text": "hello"})
    assert (answer.failed, answer.text) == (False, "hello")
    assert len(unstable.calls) == 1


@pytest.mark.parametrize("face", FACES, ids=repr)
def test_a_stream_that_breaks_is_resumed_and_the_call_runs_once(
    caller: Caller, unstable: UnstableServer, face: Face
) -> None:
    unstable.calls.clear()
    unstable.resumed.clear()
    unstable.breaks_streams = True
    try:
        answer = caller.call(face, "unstable__echo", {"text": "in two parts"})
    finally:
        unstable.breaks_streams = False
    assert (answer.failed, answer.text) == (False, "in two parts")
    assert len(unstable.calls) == 1
    assert len(unstable.resumed) == 1


@pytest.mark.parametrize("isolation", ["shared", "per_user"])
def test_a_spoilt_first_line_stops_no_process(world: World, directory: Path, isolation: str) -> None:
    script = scripted_server.options(directory, {"tools": [scripted_server.tool("hello")]})
    options = {"command": [sys.executable, "-c", _SPOILS, *script["command"][1:]]}
    name = f"spoilt-{isolation.replace('_', '-')}"
    world.publish(name, "stdio", options, isolation=isolation, call_timeout_seconds=50)
    answer = world.caller().call(FACES[0], f"{name}__hello")
    assert (answer.failed, answer.text) == (False, "hello")
