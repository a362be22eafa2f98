"""Sends raw bytes over a socket, for requests that no HTTP library would send."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """A response, read until the body was complete or the server closed the connection."""

    status: int
    head: str
    body: str


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect to a loopback port."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        yield connection


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Write a request line and headers."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def exchange(port: int, *pieces: bytes) -> RawAnswer:
    """Send bytes and read one response."""
    with connected(port) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> RawAnswer:
    """Read one response."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65536)):
            break
        received += chunk
    top, _, body = received.partition(b"\r\n\r\n")
    text = top.decode("latin-1")
    length = next(
        (int(line[15:]) for line in text.lower().splitlines() if line.startswith("content-length:")), 0
    )
    while len(body) < length and (chunk := connection.recv(65536)):
        body += chunk
    return RawAnswer(int(text.split(" ", 2)[1]) if text else 0, text, body.decode("utf-8", "replace"))
