"""Sends the same POST directly to the server, alternating with the measured call."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from urllib.parse import urlsplit

from tests.benchmarks.load import NUMBER
from tests.benchmarks.processes import BenchError
from tests.benchmarks.world import HEADERS, TEXT

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_PATIENCE = 30.0
_CHUNK = 1 << 20

Call = Callable[[int], bytes]
"""Makes the call of this number and returns its answer."""


@contextmanager
def posting(url: str, body: str, *, token: str = "", ca_file: str | None = None) -> Iterator[Call]:
    """Open one connection and post over it with blocking calls, which is the fastest way."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        headers = {"Host": parts.netloc, **HEADERS, **({"X-Session-Token": token} if token else {})}
        head = "\r\n".join([f"POST {parts.path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)])
        if parts.scheme == "http":
            yield _Poster(plain, head, body)
            return
        context = ssl.create_default_context(cafile=ca_file)
        with context.wrap_socket(plain, server_hostname=parts.hostname) as connection:
            yield _Poster(connection, head, body)


def in_turn(first: Call, second: Call, calls: int) -> tuple[list[float], list[float]]:
    """Call both alternately, so that other load affects both; return the seconds of each call."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(1, calls + 1):
        for call, seconds in zip((first, second), taken, strict=True):
            begun = perf_counter()
            answer = call(number)
            seconds.append(perf_counter() - begun)
            if TEXT.replace(NUMBER, str(number)).encode() not in answer:
                raise BenchError(f"a wrong answer: {answer[:600]!r}")
    return taken


class _Poster:
    def __init__(self, connection: socket.socket, head: str, body: str) -> None:
        self._connection = connection
        self._head = head
        self._body = body

    def __call__(self, number: int) -> bytes:
        body = self._body.replace(NUMBER, str(number))
        self._connection.sendall(f"{self._head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        received = b""
        while not _is_whole(received):
            chunk = self._connection.recv(_CHUNK)
            if not chunk:
                raise BenchError("the server closed the connection")
            received += chunk
        return received


def _is_whole(received: bytes) -> bool:
    head_end = received.find(b"\r\n\r\n") + 4
    length = _LENGTH.search(received, 0, head_end)
    return length is not None and len(received) >= head_end + int(length[1])
