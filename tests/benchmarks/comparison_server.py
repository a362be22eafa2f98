"""The server to which all compared bridges connect: an MCP server that also opens sessions and counts requests.

Every bridge connects to the same process; only our client uses the routes of the sessions.
"""

from collections import Counter

import msgspec
import uvloop

from ambassador_protocol.paths import CONNECTIONS, HEARTBEAT, MCP, REGISTER
from tests.benchmarks.downstream import Downstream, json_response, serve

COUNTS = "/counts"
_TOOLS = 50
_LIFE = "2099-01-01T00:00:00.000Z"
_GRANTED = {
    "session_id": "session-1",
    "session_token": "amb_st_bench",
    "expires_at": _LIFE,
    "profile_id": "profile",
    "connection_id": "connection-1",
}
_ALIVE = {"status": "ok", "session_status": "active", "expires_at": _LIFE}
_GONE = {"status": "disconnected", "connection_id": "connection-1"}


class ComparisonServer:
    """Counts requests by method and path; GET `/counts` returns the counts and is not counted."""

    def __init__(self) -> None:
        self._mcp = Downstream(_TOOLS)
        self._counts: Counter[str] = Counter()

    def respond(self, head: bytes, body: bytes) -> bytes:
        """Return the whole HTTP response to one request."""
        method, path, _ = head.decode("latin-1").split(" ", 2)
        if path == COUNTS:
            return json_response(b"200 OK", msgspec.json.encode(self._counts))
        self._counts[f"{method} {path}"] += 1
        if path == MCP:
            return self._mcp.respond(head, body)
        if path == REGISTER:
            return json_response(b"201 Created", msgspec.json.encode(_GRANTED))
        if path == HEARTBEAT:
            return json_response(b"200 OK", msgspec.json.encode(_ALIVE))
        if path.startswith(CONNECTIONS):
            return json_response(b"200 OK", msgspec.json.encode(_GONE))
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


if __name__ == "__main__":
    uvloop.run(serve(ComparisonServer().respond))
