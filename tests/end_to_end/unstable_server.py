"""A legacy MCP server over HTTP, in a thread, which loses its sessions and its connections when a test says so."""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SESSION = "Mcp-Session-Id"


class UnstableServer:
    """The state of the server: `refusal` is the status, type and body for a session that is not known."""

    def __init__(self) -> None:
        self.url = ""
        self.sessions: set[str] = set()
        self.refusal = (404, "text/plain", "")
        self.breaks_streams = False
        self.calls: list[dict[str, Any]] = []
        self.resumed: list[str] = []
        self.answers: dict[str, dict[str, Any]] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: UnstableServer

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, number, headers = message["method"], message.get("id"), {}
        if method == "initialize":
            headers[_SESSION] = secrets.token_hex(8)
            self.state.sessions.add(headers[_SESSION])
        elif self.headers.get(_SESSION) not in self.state.sessions:
            status, kind, body = self.state.refusal
            return self._send(status, kind, body)
        if number is None:
            return self._send(202, "application/json", "")
        answer = {"jsonrpc": "2.0", "id": number, **self._members(method, message.get("params", {}))}
        if method == "tools/call" and self.state.breaks_streams:
            return self._break(answer)
        return self._send(200, "application/json", json.dumps(answer), headers)

    def do_GET(self) -> None:
        last = self.headers.get("Last-Event-ID")
        if last is None:
            return self._send(405, "text/plain", "")
        self.state.resumed.append(last)
        return self._send(200, "text/event-stream", f"data: {json.dumps(self.state.answers[last])}\n\n")

    def do_DELETE(self) -> None:
        self._send(204, "text/plain", "")

    def _members(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "initialize":
            info = {"name": "unstable", "version": "1"}
            result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
            return {"result": result}
        if method == "tools/list":
            return {"result": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}}
        if method == "tools/call":
            self.state.calls.append(params)
            return {"result": {"content": [{"type": "text", "text": params["arguments"]["text"]}]}}
        return {"error": {"code": -32601, "message": "Method not found"}}

    def _break(self, answer: dict[str, Any]) -> None:
        """Begin a stream, and keep the answer for its continuation."""
        name = secrets.token_hex(4)
        self.state.answers[name] = answer
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        event = f"id: {name}\nretry: 20\ndata: \n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        # Without the end of the stream.
        self.close_connection = True

    def _send(self, status: int, kind: str, body: str, headers: dict[str, str] | None = None) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in {
            **(headers or {}),
            "Content-Type": kind,
            "Content-Length": str(len(data)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_unstable() -> Iterator[UnstableServer]:
    """Serve on a loopback port until the block ends."""
    state = UnstableServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/mcp"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
