"""The load generator: a closed loop over N connections, the same for all servers.

Reads one job as JSON from standard input and writes one report as JSON. Every answer is checked; a wrong one ends the
run, because a server that fails fast would look like a fast server.
"""

import asyncio
import re
import ssl
import sys
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import uvloop

NUMBER = "{n}"
"""Where the number of the call goes in `body` and `expect`."""

_FIRST_NUMBER = 1_000_000  # all numbers have as many digits, so that a request's head never changes
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_SHOWN = 600
_PATIENCE = 30.0


class Job(msgspec.Struct, kw_only=True):
    """The requests to send. The run ends after `calls` answers, or after `warm_up` and then `seconds`.

    Connection k sends `tokens[k % len(tokens)]` in the header `token_header`, after `token_scheme`. With `offered`, at
    most so many calls begin in a second. With `reconnect`, every request has a connection of its own. With
    `counts_failures`, a wrong answer is counted instead of ending the run.
    """

    url: str
    body: str
    expect: str
    status: int = 200
    headers: dict[str, str] = {}
    tokens: tuple[str, ...] = ("",)
    token_header: str = "X-Session-Token"
    token_scheme: str = ""
    connections: int = 1
    seconds: float = 0.0
    warm_up: float = 0.0
    calls: int = 0
    offered: float = 0.0
    reconnect: bool = False
    counts_failures: bool = False
    ca_file: str | None = None


class Report(msgspec.Struct, kw_only=True):
    """The result: `calls` in `seconds` after the warm-up, `answered` in all; percentiles in milliseconds.

    `failed` counts the wrong answers, which are in none of these.
    """

    calls: int
    answered: int
    seconds: float
    rate: float
    p50: float
    p99: float
    failed: int = 0


class LoadError(Exception):
    """An unexpected answer."""


class Run:
    """The state shared by all connections."""

    def __init__(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        self.job = job
        self.done = loop.create_future()
        self.latencies: list[float] = []
        self.answered = 0
        self.failed = 0
        self._number = _FIRST_NUMBER
        self._finished = 0
        self._begin = self._last = self._started = 0.0
        self._end = float("inf")
        parts = urlsplit(job.url)
        assert parts.hostname is not None
        self._address = (parts.hostname, parts.port or 443)
        self._path = parts.path
        self._tls = None if parts.scheme == "http" else ssl.create_default_context(cafile=job.ca_file)
        self._opening: set[asyncio.Task[None]] = set()

    async def complete(self) -> Report:
        """Run the job; raises LoadError at the first unexpected answer."""
        asyncio.get_running_loop().set_exception_handler(self._mistaken)
        self._started = perf_counter()
        self._begin = self._started + self.job.warm_up
        if not self.job.calls:
            self._end = self._begin + self.job.seconds
        for place in range(self.job.connections):
            self.open(place)
        async with asyncio.timeout(self.job.warm_up + self.job.seconds + _PATIENCE):
            await self.done
        seconds = (self._last if self.job.calls else self._end) - self._begin
        ordered = sorted(self.latencies)
        if not ordered:
            raise LoadError("no call began and ended in the time there was")
        return Report(
            calls=len(ordered),
            answered=self.answered,
            seconds=seconds,
            rate=len(ordered) / seconds,
            p50=percentile(ordered, 0.50) * 1000,
            p99=percentile(ordered, 0.99) * 1000,
            failed=self.failed,
        )

    def open(self, place: int) -> None:
        """Open the connection with this number."""
        task = asyncio.get_running_loop().create_task(self._connect(place))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def next_number(self) -> int | None:
        """Return the number of the next call, or None if all calls are sent."""
        sent = self._number - _FIRST_NUMBER
        if (sent >= self.job.calls) if self.job.calls else (perf_counter() >= self._end):
            return None
        self._number += 1
        return self._number - 1

    def wait_seconds(self) -> float:
        """Return how long to wait before the next call begins."""
        if not self.job.offered:
            return 0.0
        due = self._started + (self._number - _FIRST_NUMBER) / self.job.offered
        return due - perf_counter()

    def note(self, sent: float) -> None:
        """Count one expected answer."""
        now = self._last = perf_counter()
        self.answered += 1
        if sent >= self._begin and now <= self._end:
            self.latencies.append(now - sent)

    def finish(self) -> None:
        """Count a connection that has nothing left to send."""
        self._finished += 1
        if self._finished == self.job.connections and not self.done.done():
            self.done.set_result(None)

    def fail(self, problem: str) -> None:
        """End the run."""
        if not self.done.done():
            self.done.set_exception(LoadError(problem))

    def head(self, place: int) -> bytes:
        """Return the head of every request of this connection."""
        token = self.job.tokens[place % len(self.job.tokens)]
        host, port = self._address
        lines = [f"POST {self._path} HTTP/1.1", f"Host: {host}:{port}"]
        lines += [f"{name}: {value}" for name, value in self.job.headers.items()]
        if token:
            lines.append(f"{self.job.token_header}: {self.job.token_scheme}{token}")
        length = len(self.job.body.replace(NUMBER, str(_FIRST_NUMBER)).encode())
        return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()

    def _mistaken(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.fail(f"{context['message']}: {context.get('exception')!r}")

    async def _connect(self, place: int) -> None:
        host, port = self._address
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self, place), host, port, ssl=self._tls
            )
        except OSError as error:
            self.fail(f"cannot connect: {error}")


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, sends the next."""

    def __init__(self, run: Run, place: int) -> None:
        self._run = run
        self._place = place
        self._head = run.head(place)
        self._body = run.job.body.encode()
        self._expect = run.job.expect.encode()
        self._status = b"HTTP/1.1 %d " % run.job.status
        self._transport: asyncio.Transport
        self._received = b""
        self._number = b""
        self._sent = 0.0
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass
        self._send()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head_end = received.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(received, 0, head_end) if head_end >= 4 else None
        if length is None and head_end >= 4:
            self._run.fail(f"an answer without a length: {received[:_SHOWN]!r}")
        elif length is None or len(received) < head_end + int(length[1]):
            self._received = received
        else:
            self._received = b""
            self._take(received)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._leaving:
            self._run.fail(f"the connection was lost: {exc}")

    def _send(self) -> None:
        wait = self._run.wait_seconds()
        if wait > 0.0:
            asyncio.get_running_loop().call_later(wait, self._send)
            return
        number = self._run.next_number()
        if number is None:
            self._leave()
            self._run.finish()
            return
        self._number = b"%d" % number
        request = self._head + self._body.replace(b"{n}", self._number)
        self._sent = perf_counter()
        self._transport.write(request)

    def _take(self, answer: bytes) -> None:
        if not answer.startswith(self._status) or self._expect.replace(b"{n}", self._number) not in answer:
            if not self._run.job.counts_failures:
                self._run.fail(f"a wrong answer: {answer[:_SHOWN]!r}")
                return
            self._run.failed += 1
        else:
            self._run.note(self._sent)
        if self._run.job.reconnect:
            self._leave()
            self._run.open(self._place)
        else:
            self._send()

    def _leave(self) -> None:
        self._leaving = True
        self._transport.close()


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return ordered[round(share * (len(ordered) - 1))]


async def _complete(job: Job) -> Report:
    return await Run(job).complete()


def main() -> int:
    """Run the job that standard input describes."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    try:
        report = uvloop.run(_complete(job))
    except (LoadError, TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
