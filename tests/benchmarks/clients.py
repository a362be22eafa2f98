"""What a host application notices of `ambassador-client`: its start, its memory, and what it adds to a call."""

import json
import os
import re
import socket
import ssl
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from urllib.parse import urlsplit

from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.load import NUMBER
from tests.benchmarks.processes import BenchError, memory
from tests.benchmarks.world import HEADERS, TEXT, TOOL, VERSION, Effort, Endpoint, World, call_body
from tests.rig import BIN

_HELLO = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
_INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _HELLO})
_INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_PATIENCE = 30.0
_MILLI = 1000.0

Call = Callable[[int], None]


def client(world: World, effort: Effort) -> list[Figure]:
    """Measure start, memory and added latency against a server with TLS, as users have it."""
    server = world.serve(tls=True, sessions=1)
    starts = [_start_seconds(world) * _MILLI for _ in range(effort.starts)]
    bare = [_bare_start_seconds() * _MILLI for _ in range(effort.starts)]
    with _running(world) as process, _connected(server) as direct:
        through: Call = _StdioCaller(process)
        for number in range(effort.calls // 5):  # both sides warm
            direct(number)
            through(number)
        pairs = [_medians(direct, through, effort.calls) for _ in range(effort.rounds)]
        peak = memory(process.pid, "VmHWM")
    return [
        Figure(
            name="client_start",
            what="client start → first reply",
            unit="ms",
            ours=starts,
            budget=Budget(at_most=80),
        ),
        Figure(name="python_start", what="… of which a bare `python -c pass`", unit="ms", ours=bare),
        Figure(
            name="client_memory",
            what="client memory, peak",
            unit="MiB",
            ours=[peak],
            budget=Budget(at_most=25),
        ),
        Figure(
            name="client_latency",
            what="tools/call through the client, beside the same POST, p50, TLS",
            unit="ms",
            digits=3,
            relay=[direct for direct, _ in pairs],
            ours=[through for _, through in pairs],
            compared="difference",
            budget=Budget(at_most=0.6),
        ),
    ]


class _StdioCaller:
    """Calls the tool through the client's pipes and waits for the answer."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self._body = call_body(TOOL)

    def __call__(self, number: int) -> None:
        os.write(self._stdin.fileno(), self._body.replace(NUMBER, str(number)).encode() + b"\n")
        _check(self._stdout.readline(), number)


class _DirectCaller:
    """Calls the tool over one connection with blocking calls, which is the cheapest way there is."""

    def __init__(self, connection: socket.socket, server: Endpoint) -> None:
        self._connection = connection
        self._body = call_body(TOOL)
        lines = ["POST /mcp HTTP/1.1", f"Host: {urlsplit(server.url).netloc}"]
        lines += [
            f"{name}: {value}" for name, value in {**HEADERS, "X-Session-Token": server.tokens[0]}.items()
        ]
        self._head = "\r\n".join(lines)

    def __call__(self, number: int) -> None:
        body = self._body.replace(NUMBER, str(number))
        self._connection.sendall(f"{self._head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        received = b""
        while not _is_whole(received):
            chunk = self._connection.recv(65536)
            if not chunk:
                raise BenchError("the server closed the connection")
            received += chunk
        _check(received, number)


def _is_whole(received: bytes) -> bool:
    head_end = received.find(b"\r\n\r\n") + 4
    length = _LENGTH.search(received, 0, head_end)
    return length is not None and len(received) >= head_end + int(length[1])


def _check(answer: bytes, number: int) -> None:
    if TEXT.replace(NUMBER, str(number)).encode() not in answer:
        raise BenchError(f"a wrong answer: {answer[:600]!r}")


def _medians(direct: Call, through: Call, calls: int) -> tuple[float, float]:
    """Call in turn, so that both meet the same moments; medians in milliseconds."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(calls):
        for call, seconds in zip((direct, through), taken, strict=True):
            begun = perf_counter()
            call(number)
            seconds.append(perf_counter() - begun)
    return statistics.median(taken[0]) * _MILLI, statistics.median(taken[1]) * _MILLI


def _start_seconds(world: World) -> float:
    begun = perf_counter()
    with _spawned(world) as process:
        return _first_reply(process) - begun


def _bare_start_seconds() -> float:
    begun = perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return perf_counter() - begun


@contextmanager
def _running(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    with _spawned(world) as process:
        _first_reply(process)
        assert process.stdin is not None
        os.write(process.stdin.fileno(), _INITIALIZED.encode() + b"\n")
        yield process


@contextmanager
def _spawned(world: World) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [str(BIN / "ambassador-client")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**world.rig.environment(), **world.rig.client_environment(world.key)},
    )
    try:
        yield process
    finally:
        process.communicate(timeout=_PATIENCE)


def _first_reply(process: "subprocess.Popen[bytes]") -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    os.write(process.stdin.fileno(), _INITIALIZE.encode() + b"\n")
    reply = process.stdout.readline()
    answered = perf_counter()
    if b'"serverInfo"' not in reply:
        raise BenchError(f"the client did not answer initialize: {reply!r}")
    return answered


@contextmanager
def _connected(server: Endpoint) -> Iterator[Call]:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    context = ssl.create_default_context(cafile=server.ca_file)
    with socket.create_connection((parts.hostname, parts.port or 443), timeout=_PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname=parts.hostname) as connection:
            yield _DirectCaller(connection, server)
