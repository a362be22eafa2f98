"""What the echoing server answers over each transport."""

import json
from typing import Any

POLL_SECONDS = 0.02
_SCHEMA = {"type": "object"}
Received = dict[str, Any]


def tools(received: Received, *, own: bool) -> list[dict[str, Any]]:
    """Return the definitions that a connection with this credential is offered."""
    names = ["received", "hold", "leak", "ask", "spy"]
    if own:
        names += [f"of_{value_in(received)}"]
    return [{"name": name, "inputSchema": _SCHEMA, "annotations": {"readOnlyHint": True}} for name in names]


def value_in(received: Received) -> str:
    """Return the one value in what was received, without the word in front of it; "nothing" if there is none."""
    values = [
        *received.get("environment", {}).values(),
        *received.get("arguments", []),
        *received.get("headers", {}).values(),
        *received.get("query", {}).values(),
    ]
    return values[0].split()[-1].rpartition("=")[2] if values else "nothing"


def answer(method: str, params: dict[str, Any], received: Received, *, own: bool) -> dict[str, Any] | None:
    """Return the result of a request that needs no wait; None for another one."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echoing", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": tools(received, own=own)}
    return {} if method == "ping" else None


def text_of(received: Received) -> dict[str, Any]:
    """Return the result of a tool."""
    return {"content": [{"type": "text", "text": json.dumps(received)}]}
