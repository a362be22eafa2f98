"""A host application for bridges: starts one as a process and exchanges messages through its pipes."""

import json
import os
import re
import select
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

from tests.benchmarks.load import NUMBER
from tests.benchmarks.posting import Call
from tests.benchmarks.processes import BenchError
from tests.benchmarks.world import TEXT, VERSION

_HELLO = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
INITIALIZE = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _HELLO}
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_ID = re.compile(rb'"id": ?(\d+)')
_CALL = re.compile(re.escape(TEXT).replace(re.escape(NUMBER), r"(\d+)").encode())
_PATIENCE = 30.0
_LEAVE_SECONDS = 5.0
_CHUNK = 1 << 20
_START = 200  # within so many bytes a message says what it is


@dataclass(frozen=True, slots=True)
class Bridge:
    """A command that speaks MCP through its pipes."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


class Host:
    """A running bridge; a wait for it that takes too long raises BenchError."""

    def __init__(self, bridge: Bridge) -> None:
        self._name = bridge.name
        self._received = b""
        self.begun = perf_counter()
        self._process = subprocess.Popen(
            bridge.command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=bridge.environment,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)

    @property
    def process_id(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    def initialize(self) -> float:
        """Perform the handshake; return the seconds from the start to the reply."""
        self._send(json.dumps(INITIALIZE))
        reply = self._answer()
        taken = perf_counter() - self.begun
        if b'"serverInfo"' not in reply:
            raise BenchError(f"{self._name} did not answer initialize: {reply[:600]!r}")
        self._send(json.dumps(_INITIALIZED))
        return taken

    def calling(self, body: str) -> Call:
        """Return a function that sends this body with a number and waits for the answer."""

        def call(number: int) -> bytes:
            self._send(body.replace(NUMBER, str(number)))
            return self._answer()

        return call

    def flood(self, body: str, calls: int, at_once: int) -> float:
        """Keep this many calls in flight until all are answered; return the seconds taken."""
        numbers = iter(range(1, calls + 1))
        waiting: set[int] = set()
        begun = perf_counter()
        for number in islice(numbers, at_once):
            self._send(body.replace(NUMBER, str(number)))
            waiting.add(number)
        while waiting:
            waiting.remove(self._answered(waiting))
            for number in islice(numbers, 1):
                self._send(body.replace(NUMBER, str(number)))
                waiting.add(number)
        return perf_counter() - begun

    def close(self) -> None:
        """Close the pipe as hosts do, and kill the bridge if it does not exit."""
        self._stdin.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_PATIENCE)
        self._stdout.close()

    def _answered(self, waiting: set[int]) -> int:
        line = self._answer()
        number, text = _ID.search(line), _CALL.search(line)
        if number is None or text is None or number[1] != text[1] or int(number[1]) not in waiting:
            raise BenchError(f"a wrong answer of {self._name}: {line[:600]!r}")
        return int(number[1])

    def _send(self, message: str) -> None:
        self._stdin.write(message.encode() + b"\n")

    def _answer(self) -> bytes:
        """Return the next line that is not a notification."""
        while b'"method"' in (line := self._line())[:_START]:
            continue
        return line

    def _line(self) -> bytes:
        while b"\n" not in self._received:
            if not self._poll.poll(_PATIENCE * 1000):
                raise BenchError(f"{self._name} does not answer")
            if not (chunk := os.read(self._stdout.fileno(), _CHUNK)):
                raise BenchError(f"{self._name} has gone")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line


@contextmanager
def hosting(bridge: Bridge) -> Iterator[Host]:
    """Start a bridge, and end it."""
    host = Host(bridge)
    try:
        yield host
    finally:
        host.close()
