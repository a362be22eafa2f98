"""Answers and files that are nested too deep are errors in one line, or shown as they are."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ambassador_admin.cli.tool_definitions import _lines
from ambassador_protocol.nesting import MAX_NESTING
from tests.admin.shell import Shell

DEPTHS = pytest.mark.parametrize("depth", [MAX_NESTING, 5000, 200_000])


class _Hostile(ThreadingHTTPServer):
    """Answers every request with the same status and JSON."""

    status = 200
    body = b""


class _Handler(BaseHTTPRequestHandler):
    server: _Hostile

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hostile() -> Iterator[_Hostile]:
    with _Hostile(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@DEPTHS
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "command",
    [
        ("mcp", "list"),
        ("mcp", "show", "x", "-o", "json"),
        ("server", "health"),
        ("audit", "query"),
        ("user", "create", "x"),
    ],
)
def test_a_server_that_nests_too_deep_is_named(
    home: Shell, hostile: _Hostile, command: tuple[str, ...], status: int, depth: int
) -> None:
    hostile.status, hostile.body = status, b'{"items":' + b"[" * depth + b"]" * depth + b"}"
    result = home.at(f"http://localhost:{hostile.server_port}").run(*command)
    assert result.code != 0
    assert "nested deeper than 500 levels" in result.err
    assert [line.partition(" ")[0] for line in result.err.splitlines()] == ["error:", "hint:"]
    assert result.out == ""


@DEPTHS
def test_a_definition_that_is_nested_too_deep_is_shown_as_it_is(depth: int) -> None:
    definition = '{"a":' + "[" * depth + "]" * depth + "}"
    assert _lines(definition) == [definition]


@DEPTHS
def test_an_option_that_is_nested_too_deep_is_a_text(shell: Shell, depth: int) -> None:
    """The server says what is wrong with it."""
    value = "[" * (depth + 1) + "]" * (depth + 1)
    words = ("mcp", "add", "x", "--option", f"sandbox={value}", "--dry-run", "-o", "json", "--", "true")
    assert value in shell.run(*words).out
