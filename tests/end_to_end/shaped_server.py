"""An MCP server over stdio, or HTTP with `--http`, whose tools answer with huge results of the shape of their name.

With `--modern` it speaks the modern era and repeats an argument in a header. With `--tools` its list is huge.
"""

import json
import sys
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

_VERSION: Final = "2025-11-25"
_MODERN: Final = "2026-07-28"
_TOOLS: Final = 1600
_WORDS: Final = b"password=hunter2 Authorization: Bearer abc https://u:p@h/?token=1 amb_pk_ eyJhbGciOi.J9 "


def _repeated(item: bytes, size: int) -> bytes:
    return b"[" + b",".join([item] * (size // (len(item) + 1))) + b"]"


def _string(piece: bytes, size: int) -> bytes:
    return b'"' + piece * (size // len(piece)) + b'"'


def _members(size: int) -> bytes:
    return b"{" + b",".join(b'"%07x":1' % number for number in range(size // 12)) + b"}"


SHAPES: Final[dict[str, Callable[[int], bytes]]] = {
    "string": lambda size: _string(b"x", size),
    "escapes": lambda size: _string(b'\\"', size),
    "secrets": lambda size: _string(_WORDS, size),
    "invalid_text": lambda size: _string(b"\xff", size),
    "numbers": lambda size: _repeated(b"0", size),
    "empty_lists": lambda size: _repeated(b"[]", size),
    "objects": lambda size: _repeated(b'{"token":"x"}', size),
    "deep": lambda size: b"[" * 400 + _repeated(b"[[[[]]]]", size) + b"]" * 400,
    "members": _members,
    "same_member": lambda size: b"{" + b",".join([b'"a":1'] * (size // 6)) + b"}",
}
"""JSON of about a given size that is slow to decode, to search or to check."""

ASKING: Final[dict[str, Callable[[int], bytes]]] = {
    "many_questions": lambda size: (
        b"{" + b",".join(b'"%07x":{"method":"roots/list"}' % number for number in range(size // 35)) + b"}"
    ),
    "large_question": lambda size: (
        b'{"a":{"method":"roots/list","params":{"x":' + SHAPES["empty_lists"](size) + b"}}}"
    ),
}
"""Tools that ask for input, with their questions."""

_MIRRORED: Final = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


def members_of_answer(message: dict[str, Any], size: int, headers: Mapping[str, str]) -> bytes:
    """Return the members of the answer to a request, besides its id."""
    match message["method"]:
        case "server/discover" if "--modern" in sys.argv:
            result = {"supportedVersions": [_MODERN], "capabilities": {"tools": {}}}
        case "tools/call" if message["params"]["name"] == "mirrors":
            text = f"region {headers.get('Mcp-Param-Region')}"
            result = {"resultType": "complete", "content": [{"type": "text", "text": text}]}
        case "tools/call" if message["params"]["name"] in ASKING:
            return (
                b'"result":{"resultType":"input_required","inputRequests":'
                + ASKING[message["params"]["name"]](size)
                + b"}"
            )
        case "initialize":
            info = {"name": "shaped", "version": "1"}
            result = {"protocolVersion": _VERSION, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return b'"result":{"tools":' + _tools() + b"}"
        case "tools/call":
            shape = SHAPES[message["params"]["name"]](size)
            return (
                b'"result":{"content":[],"resultTypes":0,"structuredContent":' + shape + b',"isError":false}'
            )
        case _:
            return b'"error":{"code":-32601,"message":"Method not found"}'
    return b'"result":' + json.dumps(result).encode()


def _tools() -> bytes:
    if "--tools" in sys.argv:
        schema = b'"description":' + SHAPES["escapes"](5_000) + b',"inputSchema":' + _large_schema()
        return b"[" + b",".join(b'{"name":"%07d",%b}' % (n, schema) for n in range(_TOOLS)) + b"]"
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in [*SHAPES, *ASKING]]
    return json.dumps([*tools, {"name": "mirrors", "inputSchema": _MIRRORED}]).encode()


def _large_schema() -> bytes:
    """Return a schema that takes long to search for arguments that are repeated in headers."""
    properties = {f"p{number}": {"type": "string", "x-mcp-header": f"H{number}"} for number in range(80)}
    return json.dumps({"type": "object", "properties": properties}).encode()


def answer(message: dict[str, Any], size: int, headers: Mapping[str, str]) -> bytes:
    """Return the whole answer to a request."""
    return b'{"jsonrpc":"2.0","id":%d,' % message["id"] + members_of_answer(message, size, headers) + b"}"


def _serve_http(size: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answer(message, size, self.headers) if "id" in message else b""
            self.send_response(200 if body else 202)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def _serve_stdio(size: int) -> None:
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "id" in message and "method" in message:
            sys.stdout.buffer.write(answer(message, size, {}) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    (_serve_http if "--http" in sys.argv else _serve_stdio)(int(sys.argv[1]))
