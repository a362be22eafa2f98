"""Connections are bounded per listener and per address, and clients that do not read or do not finish are cut off."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.faces import LEGACY
from tests.end_to_end.raw_http import connected, exchange, head, read_answer
from tests.end_to_end.world import Caller, Downstream, World, assert_works, running, until
from tests.patience import PATIENCE
from tests.rig import Rig

CONNECTIONS = 16
LARGE = 6_000_000
NO_DESCRIPTOR = "cannot accept connections: Too many open files"
LIMITS = {
    "client_connections": CONNECTIONS,
    "admin_connections": CONNECTIONS,
    "unread_seconds": 1,
    "unread_bytes": 1024 * 1024,
}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=LIMITS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture(scope="module")
def caller(world: World) -> Caller:
    return world.caller()


@contextmanager
def flood(world: World, port: str) -> Iterator[list[socket.socket]]:
    """Open so many connections that the listener refuses the last one."""
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(world.rig.ports[port])) for _ in range(2 * CONNECTIONS)]
        yield opened


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(("full", "other"), [("port", "admin_port"), ("admin_port", "port")])
def test_flood_of_one_listener_leaves_the_other_open(world: World, full: str, other: str) -> None:
    with flood(world, full) as opened:
        # The server accepts in order, so the last one is beyond the bound.
        assert is_closed(opened[-1])
        for _ in range(3):
            assert exchange(world.rig.ports[other], head("GET", "/live", {})).status == 200
        assert faults(world, other)["client" if full == "port" else "admin"]["refused"] > 0
    until(lambda: serves(world, full), "the listener accepts again")
    assert "refused a connection" in world.log_text()


def faults(world: World, port: str) -> dict[str, dict[str, int]]:
    """Return what `/ready` says of the connections of each API."""
    found: dict[str, dict[str, int]] = json.loads(
        exchange(world.rig.ports[port], head("GET", "/ready", {})).body
    )["connections"]
    return found


def serves(world: World, port: str) -> bool:
    try:
        return exchange(world.rig.ports[port], head("GET", "/live", {})).status == 200
    except ConnectionError:
        return False


@contextmanager
def unread_call(world: World, caller: Caller) -> Iterator[socket.socket]:
    """Call a tool whose answer is large, and read none of it."""
    wire = LEGACY.call(caller.secret, "tools__echo", {"text": "x" * LARGE})
    headers = {**wire.headers, "Content-Length": str(len(wire.body))}
    with socket.socket() as connection:
        # A small buffer, so that the answer stays in the server.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", world.rig.ports["port"]))
        connection.sendall(head("POST", wire.path, headers) + wire.body)
        yield connection


def test_client_that_reads_nothing_is_cut_off(world: World, caller: Caller) -> None:
    with unread_call(world, caller) as connection:
        # The connection is reset: the client sees less than the answer, and an error or the end.
        until(lambda: was_reset(connection), "the connection is reset")
    assert faults(world, "port")["client"]["cut_off"] > 0
    assert world.ask("GET", "server/health")["connections"]["client"]["cut_off"] > 0
    assert "cut off; admin: " in world.rig.admin("server", "health").stdout
    assert_works(caller)


def was_reset(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_large_answer_is_read_whole_by_a_client_that_reads(world: World, caller: Caller) -> None:
    answer = caller.call(LEGACY, "tools__echo", {"text": "x" * 900_000})
    assert answer.succeeded
    assert len(answer.text) == 900_000


@pytest.mark.parametrize("port", ["port", "admin_port"])
def test_malformed_http_is_a_problem(world: World, port: str) -> None:
    with connected(world.rig.ports[port]) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost localhost\r\n\r\n")
        answer = read_answer(connection)
    assert answer.status == 400
    assert "application/problem+json" in answer.head
    problem = json.loads(answer.body)
    assert (problem["status"], problem["code"]) == (400, "AMB-1001")


def test_connections_from_one_address_are_bounded(tmp_path: Path, prepared: Rig) -> None:
    limits = {"connections_per_address": 4, "proxies": []}
    with running(tmp_path, prepared, limits=limits) as world, ExitStack() as stack:
        port = world.rig.ports["port"]
        opened = [stack.enter_context(connected(port)) for _ in range(5)]
        assert is_closed(opened[-1])


def test_server_without_free_descriptors_accepts_again_when_there_are_some(
    tmp_path: Path, prepared: Rig
) -> None:
    with running(tmp_path, prepared) as world:
        assert world.rig.process is not None
        pid, few = world.rig.process.pid, 128
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, before[1]))
        try:
            with ExitStack() as stack:
                for _ in range(few):
                    stack.enter_context(connected(world.rig.ports["port"]))
                until(lambda: NO_DESCRIPTOR in world.log_text(), "the log says so")
            until(lambda: serves(world, "port"), "the listener accepts again")
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert serves(world, "admin_port")
        assert world.log_text().count(NO_DESCRIPTOR) == 1
        assert "Traceback" not in world.log_text()


def test_check_says_how_many_connections_are_accepted(world: World) -> None:
    flags = ("--data-dir", str(world.rig.data_dir), *world.rig.server_flags)
    printed = world.rig.run("ambassador-server", "check", *flags, "--json").stdout
    assert f"the client API accepts {CONNECTIONS}" in json.loads(printed)["connections"]["detail"]
