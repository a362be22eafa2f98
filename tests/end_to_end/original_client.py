"""Imitates the HTTP behaviour of the original client."""

import http.client
import json
from dataclasses import dataclass, field
from typing import Any

from tests.patience import PATIENCE

JSON = {"Content-Type": "application/json"}


class ProtocolError(AssertionError):
    """An answer that this client cannot use."""


@dataclass
class OriginalClient:
    """Registers at the start and again after a 401, parses every answer as JSON, sends no Accept and no User-Agent."""

    port: int
    key: str
    host_tool: str = "vscode"
    registrations: int = 0
    logged: list[str] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Open a session and fetch the catalog; any failure ends the process."""
        self.register()
        self.tools()

    def register(self) -> None:
        body = {"preshared_key": self.key, "friendly_name": "my-laptop", "host_tool": self.host_tool}
        status, answer = self.request("POST", "/v1/sessions/register", body, token=False)
        if status >= 300:
            raise ProtocolError(f"{status} {answer['error']}: {answer['message']}")
        self.registrations += 1
        self.session = {
            name: answer[name] for name in ("session_id", "session_token", "expires_at", "connection_id")
        }

    def tools(self) -> list[dict[str, Any]]:
        """Answer the host's tools/list."""
        status, answer = self.again_after_401("GET", "/v1/tools", None)
        if status >= 300:
            raise ProtocolError(answer["message"])
        return [
            {"name": tool["name"], "description": tool["description"], "inputSchema": tool["input_schema"]}
            for tool in answer["tools"]
        ]

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Answer the host's tools/call with a copy of the result, without checking whether the call failed."""
        status, answer = self.again_after_401(
            "POST", "/v1/tools/invoke", {"tool": tool, "arguments": arguments}
        )
        if status >= 300:
            return {"error": {"code": -32603, "message": "Tool invocation failed"}}
        return {"result": {"content": answer["result"], "isError": False}}

    def heartbeat(self) -> int:
        """Send a heartbeat and return its status."""
        return self.request("POST", "/v1/sessions/heartbeat", {})[0]

    def stop(self) -> int:
        """Close the connection, with a content type and no body."""
        return self.request("DELETE", f"/v1/sessions/connections/{self.session['connection_id']}", None)[0]

    def again_after_401(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        status, answer = self.request(method, path, body)
        if status != 401:
            return status, answer
        self.logged.append(str(answer.get("error")))
        self.register()
        return self.request(method, path, body)

    def request(self, method: str, path: str, body: Any, *, token: bool = True) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            data = b"" if body is None else json.dumps(body).encode()
            headers = JSON | ({"X-Session-Token": self.session["session_token"]} if token else {})
            if data:
                headers |= {"Content-Length": str(len(data))}
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(data or None)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            raise ProtocolError(f"Invalid JSON response: {response.status} {text[:100]!r}") from None
