"""Waits on a port of this machine for the browser that comes back with a completion code."""

import queue
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

_CODE: Final = re.compile(r"[2-9A-Z]{5}-[2-9A-Z]{5}")
_PAGE: Final = (
    b'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Connected</title></head>\n'
    b"<body><main><h1>You have consented</h1><p>You can close this page and go back to the command.</p>"
    b"</main></body></html>\n"
)
_SECONDS: Final = 10.0


class CodeListener:
    """A small HTTP server on 127.0.0.1 while it is entered; the first code counts."""

    def __init__(self) -> None:
        self._codes: queue.SimpleQueue[str] = queue.SimpleQueue()
        codes = self._codes

        class Handler(BaseHTTPRequestHandler):
            timeout = _SECONDS

            def do_GET(self) -> None:
                _answer(self, codes)

            def log_message(self, *_: Any) -> None:
                """Write nothing: the address has the code."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float) -> str | None:
        """Return the code; None if none has come in time."""
        try:
            return self._codes.get(timeout=seconds)
        except queue.Empty:
            return None


def _answer(handler: BaseHTTPRequestHandler, codes: queue.SimpleQueue[str]) -> None:
    """Take a code that was sent to this very address; another host name is a page that guesses."""
    port = handler.server.server_address[1]  # type: ignore[index] # an address of the Internet has a port
    parts = urlsplit(handler.path)
    found = parse_qs(parts.query).get("code", [""])[0] if parts.path == "/" else ""
    if handler.headers.get("Host") != f"127.0.0.1:{port}" or not _CODE.fullmatch(found):
        handler.send_error(404)
        return
    codes.put(found)
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.send_header("Content-Length", str(len(_PAGE)))
    handler.send_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    handler.send_header("Referrer-Policy", "no-referrer")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(_PAGE)
