"""A server with the HTTP contract of HashiCorp Vault's key-value engine of version 2, as its documentation shows it."""

import json
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.patience import PATIENCE

METADATA = {
    "created_time": "2026-05-04T12:00:00.123456789Z",
    "custom_metadata": None,
    "deletion_time": "",
    "destroyed": False,
    "version": 3,
}


def answer(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def secret(**fields: object) -> bytes:
    data = {"data": fields, "metadata": METADATA}
    envelope = {"request_id": "r", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data}
    return answer("200 OK", json.dumps(envelope).encode())


class FakeVault:
    """Answers every request with what a test has written; `requests` has what arrived."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.reply: Callable[[socket.socket], None] = lambda _: None
        self.tls: ssl.SSLContext | None = None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = ThreadPoolExecutor()
        self._threads.submit(self._accept)

    def answers(self, content: bytes) -> None:
        self.reply = lambda connection: connection.sendall(content)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._threads.shutdown()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.submit(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self._answer(connection)
        except OSError:
            return  # the other side has hung up, or refused the certificate
        finally:
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(65536)
            if not more:
                return
            received += more
        self.requests.append(received)
        self.reply(connection)
