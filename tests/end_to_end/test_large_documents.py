"""Whatever a caller, an administrator or an MCP sends, the event loop is never stopped for half a second.

Measured is processor time of the server, so that the load of the machine does not count.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MODERN, REST, Face
from tests.end_to_end.shaped_server import SHAPES
from tests.end_to_end.world import ROOT, Caller, Downstream, World, running
from tests.rig import Rig

LONGEST = 0.5
BODY = 16 * 1024 * 1024
LARGEST_BODY = BODY - 4096
LARGEST_ANSWER = 64 * 1024 * 1024 - 4096


SHAPED = [sys.executable, "-m", "tests.end_to_end.shaped_server", str(LARGEST_ANSWER)]


def shaped_options(*flags: str) -> dict[str, Any]:
    """Return the options that run the server of huge results over stdio."""
    return {"command": [*SHAPED, *flags], "cwd": str(ROOT), "env": {"PYTHONPATH": str(ROOT)}}


class Pauses:
    """The pauses of the event loop that the server wrote to a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Assert that the pauses while the block runs are short."""
        before = self._all()
        yield
        new = self._all()[len(before) :]
        assert max(new, default=0) < LONGEST

    def _all(self) -> list[float]:
        return [float(line) for line in self.file.read_text().split()] if self.file.exists() else []


@pytest.fixture(scope="module")
def pauses(directory: Path) -> Pauses:
    return Pauses(directory / "pauses")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream, pauses: Pauses) -> Iterator[World]:
    measured = (sys.executable, "-m", "tests.end_to_end.measured_server", str(pauses.file))
    limits = {"audit_bytes_per_minute": 1024**4, "body_bytes": BODY}
    http = subprocess.Popen([*SHAPED, "--http"], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert http.stdout is not None
        with running(directory, prepared, server=measured, limits=limits) as started:
            started.publish("tools", "streamable_http", {"url": tools.url})
            started.publish("keeps", "streamable_http", {"url": tools.url}, arguments="full")
            url = f"http://127.0.0.1:{int(http.stdout.readline())}/"
            started.publish("http", "streamable_http", {"url": url}, call_timeout_seconds=120)
            started.publish("stdio", "stdio", shaped_options(), call_timeout_seconds=120)
            yield started
    finally:
        http.kill()
        http.communicate()


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


ARGUMENTS = [(LEGACY, "keeps", shape) for shape in SHAPES if shape != "invalid_text"]
ARGUMENTS += [(REST, "tools", shape) for shape in ("escapes", "empty_lists", "members")]
ANSWERS = [(MODERN, "http", shape) for shape in ("numbers", "deep", "invalid_text")]
ANSWERS += [(REST, "stdio", shape) for shape in ("escapes", "deep", "members")]
"""All combinations of the three take many minutes."""


@pytest.mark.parametrize(("face", "mcp", "shape"), ARGUMENTS)
def test_large_arguments(
    world: World, caller: Caller, pauses: Pauses, shape: str, face: Face, mcp: str
) -> None:
    wire = face.call(caller.secret, f"{mcp}__echo", {"text": "hello", "more": "HERE"})
    body = wire.body.replace(b'"HERE"', SHAPES[shape](LARGEST_BODY))
    with pauses.bounded():
        answer = caller.send(replace(wire, body=body))
    assert face.read(answer.status_code, answer.content).succeeded, answer.text[:300]


@pytest.mark.parametrize(("face", "mcp", "shape"), ANSWERS)
def test_large_answers(
    world: World, caller: Caller, pauses: Pauses, shape: str, face: Face, mcp: str
) -> None:
    with pauses.bounded():
        answer = caller.send(face.call(caller.secret, f"{mcp}__{shape}", {}))
    assert answer.status_code == 200, answer.text[:300]


@pytest.mark.parametrize("shape", ["empty_lists", "members", "numbers"])
def test_large_bodies_of_administrators(world: World, pauses: Pauses, shape: str) -> None:
    """What is too large is refused, and what is not is checked quickly."""
    for size, statuses in ((2 * 1024 * 1024 - 4096, (400, 403)), (LARGEST_BODY, (413,))):
        options = SHAPES[shape](size)
        mcp = b'{"kind":"put-mcp","name":"x","transport":"stdio","options":{"args":' + options + b"}}"
        for path, body in (("batch", b'{"operations":[' + mcp + b"]}"), ("mcps", mcp), ("batch", options)):
            with pauses.bounded():
                answer = world.admin.post(
                    f"/v1/admin/{path}", content=body, headers={"Content-Type": "application/json"}
                )
            assert answer.status_code in statuses, answer.text[:300]


def test_large_lists_of_tools(world: World, pauses: Pauses) -> None:
    """About the largest list that is taken is read and offered to callers."""
    with pauses.bounded():
        world.publish("many", "stdio", shaped_options("--tools"))
    caller = world.caller()
    for face in FACES:
        with pauses.bounded():
            assert len(caller.names(face)) > 1600
