"""Calls with forged identity headers stay those of their key, on each face and through ambassador-client."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import FACES, META, Face, Wire
from tests.end_to_end.gateways import SECRET, rules
from tests.end_to_end.test_client_identity import Client
from tests.end_to_end.test_forged_headers import ignored, send
from tests.end_to_end.test_legacy_sse import stream
from tests.end_to_end.world import Caller, Downstream, Person, World, running
from tests.rig import Rig

VICTIM = "victim@acme.example"
HEADERS = ("X-User-Email", "X-User-Groups", "X-User-Admin", "X-OpenWebUI-User-Jwt")
VALUES = {"X-User-Email": VICTIM, "X-User-Groups": "eng, MCP-Admin", "X-User-Admin": "true"}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    """Run a server that believes a gateway, for whose groups there is more than for keys."""
    (directory / "gateway-secret").write_text(SECRET)
    gateway = {"name": "edge", "secrets": [f"file://{directory / 'gateway-secret'}"]}
    with running(directory, prepared, limits=GENEROUS, gateway=gateway, legacy_sse=True) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        group = started.group("tools")
        started.ask("PUT", "issuers/edge", rules(eng=group, MCP_Admin=group))
        yield started


@pytest.fixture
def person(world: World) -> Person:
    """Return a user who may call `echo` alone."""
    group = world.group()
    world.ask("POST", "grants", {"group": group, "mcp": "tools", "tools": ["tools.echo"]})
    return world.person(group)


def _spelt(spell: Any) -> tuple[tuple[str, str], ...]:
    return tuple((spell(name), VALUES.get(name, "eyJhbGciOiJub25lIn0.e30.")) for name in HEADERS)


SPELLINGS = {
    "as they are": _spelt(str),
    "small": _spelt(str.lower),
    "large": _spelt(str.upper),
    "underscores": _spelt(lambda name: name.replace("-", "_")),
    "one underscore": _spelt(lambda name: name.replace("-", "_", 1)),
    "twice": _spelt(str) * 2,
    "in both spellings": _spelt(str) + _spelt(lambda name: name.replace("-", "_").lower()),
}
spellings = pytest.mark.parametrize("forged", SPELLINGS.values(), ids=SPELLINGS)


def assert_only_of(world: World, person: Person, calls: int) -> None:
    """Assert that these calls were permitted to the user of the key, and that the forged user came of nothing."""
    done = world.events(action="call:tool:outcome", user=person.name)
    assert len([event for event in done if event["outcome"] == "succeeded"]) == calls
    assert all(event["actor"]["name"] == person.name for event in done)
    assert VICTIM not in json.dumps(world.ask("GET", "users"))
    assert VICTIM not in [event["actor"]["name"] for event in world.events()]


@spellings
@pytest.mark.parametrize("face", FACES, ids=str)
def test_a_call_stays_that_of_its_key(
    world: World, person: Person, face: Face, forged: Sequence[tuple[str, str]]
) -> None:
    before = ignored(world)
    for secret in (person.key, world.session(person).secret):
        for tool, succeeds in (("tools__echo", True), ("tools__slow", False)):
            wire = face.call(secret, tool, {"text": "hello", "seconds": 0} if succeeds else {"seconds": 0})
            answer = send(world, "port", wire, tuple(forged))
            assert face.read(answer.status, answer.body.encode()).succeeded is succeeds, answer
    assert ignored(world) - before == 4
    assert world.events(action="session:gateway:ignore"), "of an address once a minute"
    assert_only_of(world, person, calls=2)


@spellings
def test_a_call_over_the_old_stream_stays_that_of_its_key(
    world: World, person: Person, forged: Sequence[tuple[str, str]]
) -> None:
    before = ignored(world)
    with stream(Caller(world.http, person.key)) as host:
        host.initialize()
        for number, tool in enumerate(("tools__echo", "tools__slow")):
            message = {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/call",
                "params": {"name": tool, "arguments": {"text": "hello"} if number == 0 else {"seconds": 0}},
            }
            headers = {"Authorization": f"Bearer {person.key}", "Content-Type": "application/json"}
            wire = Wire("POST", host.path, headers, json.dumps(message).encode())
            assert send(world, "port", wire, tuple(forged)).status == 202
            answer = host.next()
            assert ("result" in answer and not answer["result"].get("isError")) is (number == 0), answer
        opening = Wire("GET", "/sse", {"Authorization": "Bearer wrong"})
        assert send(world, "port", opening, tuple(forged)).status == 401
    assert ignored(world) - before == 3
    assert_only_of(world, person, calls=1)


@pytest.mark.parametrize("face", FACES, ids=str)
def test_folded_lines_and_line_breaks_are_refused(world: World, person: Person, face: Face) -> None:
    wire = face.call(person.key, "tools__echo", {"text": "must not run"})
    for forged in (
        ("X-Nothing", f"x\r\n X-User-Email: {VICTIM}"),
        ("X-Nothing", f"x\r\n\tX-User-Email: {VICTIM}"),
        ("X-Nothing", f"x\nX-User-Email: {VICTIM}\r"),
        ("X-User-Email\t", VICTIM),
        (" X-User-Email", VICTIM),
    ):
        assert send(world, "port", wire, (forged,)).status == 400, forged
    assert_only_of(world, person, calls=0)


@pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
def test_what_a_host_sends_through_the_client_becomes_no_header(
    world: World, person: Person, tmp_path: Path, modern: bool
) -> None:
    """A host chooses names, arguments and `_meta`; some of them are in headers of the client's request."""
    client, before = Client(world, tmp_path), ignored(world)
    client.login(person)
    meta = {**(META if modern else {}), **VALUES, "headers": VALUES, "http": {"headers": VALUES}}
    names = (
        "tools__echo",
        f"tools__echo\r\nX-User-Email: {VICTIM}",
        f"tools__slow\nX-User-Groups: eng\nX-User-Email: {VICTIM}",
        "tools__slow",
    )
    lines = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": name, "arguments": {"text": "hello"}, "_meta": meta},
        }
        for number, name in enumerate(names, 1)
    ]
    if not modern:
        opening = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": f"x\r\nX-User-Email: {VICTIM}", "version": "1\r\nX-User-Admin: true"},
        }
        lines.insert(0, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening})
    environment = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in VALUES.items()}
    done = client.run("proxy", stdin="".join(json.dumps(each) + "\n" for each in lines), **environment)
    answers = {each["id"]: each for each in map(json.loads, done.stdout.splitlines()) if "id" in each}
    assert {*answers} == {each["id"] for each in lines}
    good = [number for number, each in answers.items() if number and not _failed(each)]
    assert good == [1]
    assert ignored(world) == before, "no such header reached the server"
    assert_only_of(world, person, calls=1)


def _failed(answer: dict[str, Any]) -> bool:
    return "error" in answer or bool(answer["result"].get("isError"))
