"""Tools have unique, callable published names, for any names of their downstreams."""

import hashlib
import re
from pathlib import Path

from tests.end_to_end.faces import FACES
from tests.end_to_end.scripted_server import options, tool
from tests.end_to_end.world import Caller, World

FIT = re.compile(r"[A-Za-z0-9_-]{1,64}")


def publish(world: World, directory: Path, mcp: str, *tools: str) -> None:
    world.publish(mcp, "stdio", options(directory, {"tools": [tool(name) for name in tools]}))


def named(caller: Caller, prefix: str) -> list[str]:
    """Return the listed names with a prefix, which are equal on every face."""
    lists = [[name for name in caller.names(face) if name.startswith(prefix)] for face in FACES]
    assert lists[0] == lists[1] == lists[2]
    return lists[0]


def assert_reaches(caller: Caller, name: str, tool_name: str) -> None:
    """Assert that a call reaches the tool; the scripted server answers with the name that it received."""
    for face in FACES:
        answer = caller.call(face, name)
        assert answer.succeeded, (face, name, answer)
        assert answer.text == tool_name


def test_colliding_names_are_made_unique_and_both_work(world: World, directory: Path) -> None:
    publish(world, directory, "a", "b__c")
    caller = world.caller()
    assert named(caller, "a__") == ["a__b__c"]
    publish(world, directory, "a__b", "c")
    first, second = named(caller, "a__")
    assert first != second
    assert "a__b__c" not in (first, second)
    reached = {caller.call(FACES[0], name).text: name for name in (first, second)}
    assert reached.keys() == {"b__c", "c"}
    for tool_name, name in reached.items():
        assert_reaches(caller, name, tool_name)
    for alias, tool_name in {"a.b__c": "b__c", "a:b__c": "b__c", "a__b.c": "c", "a__b:c": "c"}.items():
        assert_reaches(caller, alias, tool_name)
    assert caller.call(FACES[0], "a__b__c").failed
    world.restart()
    caller = world.caller()
    assert named(caller, "a__") == [first, second]


def test_tool_cannot_take_the_unique_name_of_another(world: World, directory: Path) -> None:
    """A downstream that imitates the unique name of another tool must not get its calls."""
    mark = hashlib.sha256(b"m\0n__o").hexdigest()[:16]
    publish(world, directory, "m", "n__o")
    publish(world, directory, "m__n", "o", f"o_{mark}")
    caller = world.caller()
    names = named(caller, "m__")
    assert len(set(names)) == 3
    assert sorted(caller.call(FACES[0], name).text for name in names) == sorted(["n__o", "o", f"o_{mark}"])
    stolen = f"m__n__o_{mark}"
    if stolen in names:
        assert_reaches(caller, stolen, "n__o")


def test_names_invalid_for_models_are_converted_and_reach_their_tool(world: World, directory: Path) -> None:
    unfit = [
        "with space",
        "dotted.name",
        "sl/ash",
        "ümläut",
        "日本語",
        "quote\"'",
        "x" * 200,
        "y" * 250,
        "%00",
        "{}",
    ]
    publish(world, directory, "odd", *unfit)
    caller = world.caller()
    names = named(caller, "odd__")
    assert len(set(names)) == len(unfit)
    assert all(FIT.fullmatch(name) for name in names)
    for name, tool_name in zip(names, unfit, strict=True):
        assert_reaches(caller, name, tool_name)
        assert_reaches(caller, f"odd.{tool_name}", tool_name)


def test_tools_without_a_usable_name_are_left_out(world: World, directory: Path) -> None:
    script = {
        "tools": [
            tool("good"),
            tool(""),
            tool("line\nbreak"),
            {"no": "name"},
            {"name": 5},
            "text",
            tool("z" * 257),
        ]
    }
    world.publish("partly", "stdio", options(directory, script))
    assert named(world.caller(), "partly__") == ["partly__good"]


def test_name_offered_twice_counts_once(world: World, directory: Path) -> None:
    publish(world, directory, "twice", "same", "same")
    assert named(world.caller(), "twice__") == ["twice__same"]
