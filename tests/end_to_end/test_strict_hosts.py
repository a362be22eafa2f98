"""A definition that a strict host would refuse does not cost it the list: it is mended, with a warning."""

import json
from pathlib import Path

import pytest
from mcp_types import methods
from pydantic import TypeAdapter

from tests.end_to_end.faces import FACES, LEGACY, MODERN, REST, Mcp
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import World

LISTS = {
    LEGACY: TypeAdapter(methods.SERVER_RESULTS["tools/list", "2025-11-25"]),
    MODERN: TypeAdapter(methods.SERVER_RESULTS["tools/list", "2026-07-28"]),
}
TOOLS = [
    {"name": "no_schema"},
    {"name": "null_schema", "inputSchema": None, "description": None},
    {"name": "empty_list", "inputSchema": {"type": "object", "properties": []}},
    tool("list_output", outputSchema={"type": "array", "items": {}}),
    tool("odd/name ☃"),
    tool("deep") | {"inputSchema": {"type": "object", "properties": {"a": {"type": "int", "title": "A"}}}},
    tool("lost", outputSchema={"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}}),
    tool("fine", annotations={"readOnlyHint": True}),
]
WARNINGS = (
    "the tool 'no_schema' is changed for hosts: its inputSchema is missing",
    "the tool 'null_schema' is changed for hosts: its inputSchema is no object",
    "the tool 'deep' is changed for hosts: type in properties.a in its inputSchema is invalid and left out",
    "the tool 'lost' is changed for hosts: a $ref in its outputSchema leads nowhere and is left out",
    "the tool 'list_output' is changed for hosts: for legacy hosts, its outputSchema is not of type object",
)


@pytest.fixture(scope="module")
def strict(world: World, directory: Path) -> World:
    """Test and publish an MCP with such definitions with the admin CLI."""
    world.offer("strict", "stdio", options(directory, {"tools": TOOLS}))
    world.ask("POST", "grants", {"group": "developers", "mcp": "strict"})
    for verb in ("test", "publish"):
        done = world.rig.admin("mcp", verb, "strict")
        assert all(warning in done.stderr for warning in WARNINGS), done.stderr
        assert "'fine'" not in done.stderr
    return world


def test_the_warnings_stay_in_show(strict: World) -> None:
    shown = strict.rig.admin("mcp", "show", "strict").stderr
    assert all(warning in shown for warning in WARNINGS)
    assert strict.ask("GET", "mcps/strict")["tools"] == len(TOOLS)


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=repr)
def test_strict_hosts_read_the_list_and_call_its_tools(strict: World, face: Mcp) -> None:
    caller = strict.caller()
    result = caller.send(face.listing(caller.secret)).json()["result"]
    LISTS[face].validate_python(result)
    listed = {each["name"]: each for each in result["tools"]}
    assert listed["strict__no_schema"]["inputSchema"] == {"type": "object"}
    assert listed["strict__empty_list"]["inputSchema"] == {"type": "object"}
    assert listed["strict__deep"]["inputSchema"]["properties"] == {"a": {"title": "A"}}
    assert listed["strict__lost"]["outputSchema"]["properties"] == {"a": {}}
    assert "description" not in listed["strict__null_schema"]
    assert ("outputSchema" in listed["strict__list_output"]) == face.modern
    assert listed["strict__fine"] == tool("strict__fine", annotations={"readOnlyHint": True})
    for name in [name for name in listed if name.startswith("strict__")]:
        assert caller.call(face, name).succeeded, name


def test_the_rest_face_lists_schemas_of_objects(strict: World) -> None:
    caller = strict.caller()
    assert set(caller.names(REST)) == set(caller.names(LEGACY))
    tools = json.loads(caller.send(REST.listing(caller.secret)).content)["tools"]
    assert all(each["input_schema"]["type"] == "object" for each in tools), tools
    assert all(caller.call(face, "strict__no_schema").succeeded for face in FACES)
