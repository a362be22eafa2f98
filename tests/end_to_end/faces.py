"""The three faces that call a tool, as HTTP requests: `/mcp` in both eras and the REST API of the original."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ambassador_protocol.event_stream import EventStreamReader
from ambassador_protocol.mcp import TASK_METHODS

MODERN_VERSION = "2026-07-28"
LEGACY_VERSION = "2025-11-25"
ACCEPT = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(frozen=True, slots=True)
class Wire:
    """One HTTP request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed response; `text` is what a user or a model would read."""

    status: int
    text: str
    failed: bool
    body: Any
    code: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.status == 200 and not self.failed


class Face(Protocol):
    """Builds requests and reads responses."""

    def call(self, secret: str, tool: Any, arguments: Any) -> Wire: ...

    def listing(self, secret: str) -> Wire: ...

    def read(self, status: int, content: bytes) -> Answer: ...

    def names(self, content: bytes) -> list[str]: ...


class Mcp:
    """`/mcp` in one era."""

    def __init__(self, *, modern: bool) -> None:
        self.modern = modern

    def __repr__(self) -> str:
        return "modern" if self.modern else "legacy"

    def call(self, secret: str, tool: Any, arguments: Any) -> Wire:
        return self.request(secret, "tools/call", {"name": tool, "arguments": arguments})

    def listing(self, secret: str) -> Wire:
        return self.request(secret, "tools/list", {})

    def request(self, secret: str, method: str, params: Mapping[str, Any], number: Any = 7) -> Wire:
        """Build any request of this era."""
        if self.modern:
            params = {**params, "_meta": {**META, **params.get("_meta", {})}}
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return Wire("POST", "/mcp", self.headers(secret, method, params), json.dumps(message).encode())

    def headers(self, secret: str, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        """Build the headers of a request."""
        headers = {
            "Authorization": f"Bearer {secret}",
            "Content-Type": "application/json",
            "Accept": ACCEPT,
            "MCP-Protocol-Version": MODERN_VERSION if self.modern else LEGACY_VERSION,
        }
        if self.modern:
            headers["Mcp-Method"] = method
            named_by = {"resources/read": "uri"} | dict.fromkeys(TASK_METHODS, "taskId")
            name = params.get(named_by.get(method, "name"))
            if isinstance(name, str):
                headers["Mcp-Name"] = _header_value(name)
        return headers

    def read(self, status: int, content: bytes) -> Answer:
        # The answer to a request that takes long is an event, behind comments that keep the connection open.
        events = EventStreamReader(2**27).feed(content) if content.startswith(b":") else []
        body = json.loads(events[-1].data if events else content)
        if "jsonrpc" not in body:
            return Answer(status, body["message"], True, body)
        if "error" in body:
            return Answer(status, body["error"]["message"], True, body, body["error"]["code"])
        return Answer(status, _text(body["result"]), body["result"].get("isError") is True, body)

    def names(self, content: bytes) -> list[str]:
        return [tool["name"] for tool in json.loads(content)["result"]["tools"]]


class Rest:
    """`/v1/tools` and `/v1/tools/invoke`."""

    def __repr__(self) -> str:
        return "rest"

    def call(self, secret: str, tool: Any, arguments: Any) -> Wire:
        body = json.dumps({"tool": tool, "arguments": arguments}).encode()
        return Wire("POST", "/v1/tools/invoke", self._headers(secret), body)

    def listing(self, secret: str) -> Wire:
        return Wire("GET", "/v1/tools", self._headers(secret))

    def read(self, status: int, content: bytes) -> Answer:
        body = json.loads(content)
        if "result" not in body:
            return Answer(status, body["message"], True, body)
        text = _text({"content": body["result"]})
        return Answer(status, text, body["metadata"].get("is_error") is True, body)

    def names(self, content: bytes) -> list[str]:
        return [tool["name"] for tool in json.loads(content)["tools"]]

    @staticmethod
    def _headers(secret: str) -> dict[str, str]:
        return {"X-Session-Token": secret, "Content-Type": "application/json"}


def _header_value(text: str) -> str:
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(block["text"] for block in result.get("content", []) if block["type"] == "text")


LEGACY = Mcp(modern=False)
MODERN = Mcp(modern=True)
REST = Rest()
FACES: tuple[Face, ...] = (LEGACY, MODERN, REST)
MCP_FACES = (LEGACY, MODERN)
