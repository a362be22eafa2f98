"""Waits on a port of this machine for the browser that comes back to a command."""

import queue
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

from ambassador_client.account.browser import open_browser

T = TypeVar("T")

_SECONDS: Final = 10.0
_LONGEST_QUERY: Final = 16 * 1024
_GLANCE: Final = 0.25
"""How often a command looks whether its browser has failed, in seconds."""


class LoopbackListener(Generic[T]):
    """A small HTTP server on 127.0.0.1 while it is entered; the first answer counts.

    `read` makes an answer of the parameters of a request at `path`, each of which was given once; it returns None for
    a request that is no answer. `page` is what the browser shows after one: fixed, so that nothing of a request is in
    it.
    """

    def __init__(self, path: str, read: Callable[[Mapping[str, str]], T | None], page: bytes) -> None:
        self._answers: queue.SimpleQueue[T] = queue.SimpleQueue()
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            timeout = _SECONDS

            def do_GET(self) -> None:
                found = None if _is_foreign(self) else read(_parameters(self.path, path))
                if found is None:
                    self.send_error(404)
                    return
                # The command, and this thread with it, may end as soon as it has the answer.
                try:
                    _show(self, page)
                finally:
                    answers.put(found)

            def log_message(self, *_: Any) -> None:
                """Write nothing: the address has a code."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def open_and_wait(self, url: str, say: Callable[[str], None], seconds: float) -> T | None:
        """Open a page in the user's browser, and return the first answer; None if none has come in time."""
        has_failed = open_browser(url)
        ends, is_told = time.monotonic() + seconds, False
        while (left := ends - time.monotonic()) > 0:
            try:
                return self._answers.get(timeout=min(left, _GLANCE))
            except queue.Empty:
                if not is_told and has_failed():
                    say("No browser could be started; open the address yourself, on this machine.")
                    is_told = True
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Write nothing: a request that is none, or that is given up, is no error of the command."""


def _is_foreign(handler: BaseHTTPRequestHandler) -> bool:
    """Tell whether a request was sent to another address than this one: by a page that guesses."""
    port = handler.server.server_address[1]  # type: ignore[index] # an address of the Internet has a port
    return handler.headers.get("Host") != f"127.0.0.1:{port}"


def _parameters(target: str, path: str) -> Mapping[str, str]:
    """Return the parameters of a request at the path; none of another request, or if one is given twice."""
    if len(target) > _LONGEST_QUERY or "#" in target:
        return {}
    try:
        parts = urlsplit(target)
        found = parse_qs(parts.query, keep_blank_values=True) if parts.path == path else {}
    except ValueError:
        return {}
    if any(len(values) > 1 for values in found.values()):
        return {}
    return {name: values[0] for name, values in found.items()}


def _show(handler: BaseHTTPRequestHandler, page: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(page)))
    handler.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    handler.send_header("Referrer-Policy", "no-referrer")
    handler.send_header("Cache-Control", "no-store")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(page)
