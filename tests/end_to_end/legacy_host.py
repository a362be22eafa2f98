"""A legacy host that does not use the client: conversations, calls with streamed answers, posted responses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.end_to_end.faces import LEGACY
from tests.end_to_end.world import Caller


@dataclass
class LegacyHost:
    """One conversation of a legacy host."""

    caller: Caller
    conversation: dict[str, str]

    def headers(self) -> dict[str, str]:
        return LEGACY.headers(self.caller.secret, "", {}) | self.conversation

    @contextmanager
    def call(self, tool: str, number: Any = 7, **arguments: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """Call a tool and yield the messages of its answer as they arrive."""
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        with self.caller.http.stream("POST", "/mcp", json=message, headers=self.headers()) as answer:
            yield messages(answer)

    def post(self, message: dict[str, Any]) -> httpx.Response:
        return self.caller.http.post("/mcp", json={"jsonrpc": "2.0", **message}, headers=self.headers())

    def cancel(self, number: Any) -> None:
        notice = {"method": "notifications/cancelled", "params": {"requestId": number}}
        assert self.post(notice).status_code == 202


def messages(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the messages of an answer, which is an event stream or a single message."""
    if answer.headers.get("content-type") == "text/event-stream":
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))
    elif body := answer.read():
        yield json.loads(body)


def begin(caller: Caller, capabilities: dict[str, Any]) -> LegacyHost:
    """Open a conversation."""
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": {"name": "t", "version": "1"},
    }
    wire = LEGACY.request(caller.secret, "initialize", params)
    answer = caller.http.post(wire.path, content=wire.body, headers=wire.headers)
    return LegacyHost(caller, {"Mcp-Session-Id": answer.headers["mcp-session-id"]})
