"""docs/protocol.md says of each method whether hosts of an era can call it, as the server does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.test_sizes import ROOT
from tests.end_to_end.faces import LEGACY, MODERN, Mcp
from tests.end_to_end.world import World, running
from tests.rig import Rig

PAGE = (ROOT / "docs" / "protocol.md").read_text()
NOT_FOUND = '"code":-32601'


def rows() -> list[tuple[str, str, str]]:
    """Return each method with what the page says of it for the legacy and for the modern era."""
    section = PAGE.split("## Methods\n", 1)[1].split("\n## ", 1)[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [
        (method, legacy, modern)
        for each, legacy, modern in lines
        for method in re.findall(r"`([^`]+)`", each)
    ]


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig) -> Iterator[World]:
    with running(directory, prepared) as started:
        yield started


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=repr)
@pytest.mark.parametrize(("method", "legacy", "modern"), rows())
def test_a_method_is_served_as_the_page_says(
    world: World, face: Mcp, method: str, legacy: str, modern: str
) -> None:
    caller = world.caller()
    wire = face.request(caller.secret, method, {})
    with caller.http.stream(wire.method, wire.path, headers=wire.headers, content=wire.body) as answer:
        # Of a stream that stays open the beginning is enough.
        begun = next(answer.iter_text(), "")
    said = modern if face.modern else legacy
    assert (NOT_FOUND in begun) == ("method not found" in said), begun


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=repr)
def test_any_other_method_is_refused_by_its_name(world: World, face: Mcp) -> None:
    caller = world.caller()
    body = caller.send(face.request(caller.secret, "resources/forget", {})).json()
    assert body["error"] == {"code": -32601, "message": "Method not found: resources/forget"}
