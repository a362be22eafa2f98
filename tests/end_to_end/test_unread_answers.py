"""An answer that its client does not read is cut off as soon as the call is not permitted any more."""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.faces import FACES, LEGACY, MODERN, Face, Wire
from tests.end_to_end.raw_http import head
from tests.end_to_end.test_kill_switches import kill
from tests.end_to_end.world import Caller, Downstream, Person, World, assert_works, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

LARGE = 6_000_000


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    # Far more patience with slow readers than the test has.
    with running(directory, prepared, limits={"unread_seconds": 600}) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


def revoke_session(world: World, person: Person, caller: Caller) -> None:
    world.ask("POST", f"sessions/{caller.session_id}/revoke")


def revoke_key(world: World, person: Person, caller: Caller) -> None:
    world.ask("POST", f"keys/{person.key_id}/revoke")


def switch_off(world: World, person: Person, caller: Caller) -> None:
    switch = kill(world, "mcp", "tools")
    world.ask("POST", f"kill-switches/{switch['id']}/lift")


Deny = Callable[[World, Person, Caller], None]


@contextmanager
def unread(world: World, wire: Wire) -> Iterator[socket.socket]:
    """Send a request, and read nothing of its answer after the server has begun to send it."""
    headers = {**wire.headers, "Content-Length": str(len(wire.body))}
    with socket.socket() as connection:
        # A small buffer, so that the answer stays in the server.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", world.rig.ports["port"]))
        connection.sendall(head("POST", wire.path, headers) + wire.body)
        assert select.select([connection], [], [], PATIENCE)[0]
        yield connection


def is_reset(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


@pytest.mark.parametrize("deny", [revoke_session, revoke_key, switch_off])
@pytest.mark.parametrize("face", FACES, ids=str)
def test_large_answer_that_is_not_read_is_cut_off(world: World, face: Face, deny: Deny) -> None:
    person = world.person()
    caller = world.session(person)
    assert_is_cut_off(
        world, face.call(caller.secret, "tools__echo", {"text": "x" * LARGE}), person, caller, deny
    )


@pytest.mark.parametrize("face", [LEGACY, MODERN], ids=str)
def test_stream_that_is_not_read_is_cut_off(world: World, face: Face) -> None:
    person = world.person()
    caller = world.session(person)
    params = {
        "name": "tools__progress",
        "arguments": {"padding": LARGE},
        "_meta": {"progressToken": "a"},
    }
    wire = face.request(caller.secret, "tools/call", params)
    assert_is_cut_off(world, wire, person, caller, revoke_session)


def assert_is_cut_off(world: World, wire: Wire, person: Person, caller: Caller, deny: Deny) -> None:
    with unread(world, wire) as connection:
        until(lambda: outcomes(world, person), "the MCP has answered")
        assert not is_reset(connection)
        deny(world, person, caller)
        until(lambda: is_reset(connection), "the connection is reset")
    assert "does not read its answers" not in world.log_text()
    assert "Traceback" not in world.log_text()
    assert_works(world.caller())


def outcomes(world: World, person: Person) -> int:
    return len(world.events(action="call:tool:outcome", user=person.name))
