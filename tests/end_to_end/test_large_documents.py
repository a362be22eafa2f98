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

from tests.effort import only_in_soak
from tests.end_to_end.faces import FACES, LEGACY, MODERN, REST, Face, Mcp
from tests.end_to_end.shaped_server import ASKING, SHAPES
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


@contextmanager
def shaped(*flags: str) -> Iterator[str]:
    """Run the server of huge results over HTTP; return its address."""
    process = subprocess.Popen([*SHAPED, "--http", *flags], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.communicate()


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
    with (
        shaped() as url,
        shaped("--modern") as modern,
        running(directory, prepared, server=measured, limits=limits) as started,
    ):
        started.publish("tools", "streamable_http", {"url": tools.url})
        started.publish("keeps", "streamable_http", {"url": tools.url}, arguments="full")
        started.publish("http", "streamable_http", {"url": url}, call_timeout_seconds=120)
        started.publish("modern", "streamable_http", {"url": modern}, call_timeout_seconds=120)
        started.publish("stdio", "stdio", shaped_options(), call_timeout_seconds=120)
        yield started


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


SLOWEST = ("secrets", "deep", "members")
"""One shape each that is slow to search, to decode and to check."""
OTHERS = only_in_soak(*(shape for shape in SHAPES if shape not in (*SLOWEST, "invalid_text")))
ARGUMENTS = [(LEGACY, "keeps", shape) for shape in (*SLOWEST, *OTHERS)]
ARGUMENTS += only_in_soak((REST, "tools", "members"))
ANSWERS = [(MODERN, "http", shape) for shape in ("deep", "invalid_text")]
ANSWERS += [(REST, "stdio", shape) for shape in ("escapes", "members")]
"""All combinations of the three take many minutes."""


@pytest.mark.soak
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


@pytest.mark.soak
@pytest.mark.parametrize("shape", ["empty_lists", *only_in_soak("members")])
def test_large_arguments_that_headers_repeat(
    world: World, caller: Caller, pauses: Pauses, shape: str
) -> None:
    wire = MODERN.call(caller.secret, "modern__mirrors", {"region": "north", "more": "HERE"})
    value = SHAPES[shape](LARGEST_BODY)
    # Its members are arguments themselves.
    more = b", " + value[1:-1] + b"}" if shape == "members" else b', "more": ' + value + b"}"
    body = wire.body.replace(b', "more": "HERE"}', more)
    for region, status in (("north", 200), ("south", 400)):
        headers = {**wire.headers, "Mcp-Param-Region": region}
        with pauses.bounded():
            answer = caller.send(replace(wire, body=body, headers=headers))
        assert answer.status_code == status, answer.text[:300]
        assert ("region north" in answer.text) == (status == 200), answer.text[:300]


@pytest.mark.parametrize("name", ASKING)
def test_large_questions(world: World, caller: Caller, pauses: Pauses, name: str) -> None:
    with pauses.bounded():
        answer = caller.send(REST.call(caller.secret, f"modern__{name}", {}))
    assert REST.read(answer.status_code, answer.content).failed, answer.text[:300]


@pytest.mark.parametrize("where", ["_meta", "params"])
@pytest.mark.parametrize("face", [LEGACY, MODERN])
def test_large_params_besides_the_arguments(
    world: World, caller: Caller, pauses: Pauses, face: Mcp, where: str
) -> None:
    params = {"name": "tools__echo", "arguments": {}, "_meta": {"x": "THERE"}, "x": "HERE"}
    wire = face.request(caller.secret, "tools/call", params)
    place = b'"THERE"' if where == "_meta" else b'"HERE"'
    with pauses.bounded():
        answer = caller.send(replace(wire, body=wire.body.replace(place, SHAPES["members"](LARGEST_BODY))))
    assert answer.status_code == 400, answer.text[:300]
    assert "other than arguments" in answer.text


@pytest.mark.soak
@pytest.mark.parametrize("shape", ["members", *only_in_soak("empty_lists", "numbers")])
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


def test_large_lists_of_tools_whose_arguments_headers_repeat(world: World, pauses: Pauses) -> None:
    with shaped("--modern", "--tools") as url, pauses.bounded():
        world.publish("annotated", "streamable_http", {"url": url})
        shown = world.admin.get("/v1/admin/mcps/annotated").json()
    assert shown["tools_left_out"] == 0
