"""A modern host that leaves calls waiting: every question ends a request, and the answer comes with another one."""

import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.end_to_end.faces import MODERN

ELICITATION = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}


@dataclass
class HeldCall:
    """A call of one user, and the questions that it waits for."""

    http: aiohttp.ClientSession
    key: str
    tool: str
    arguments: dict[str, Any]
    state: str | None = None
    questions: dict[str, Any] = field(default_factory=dict)
    requests: int = 0

    async def begin(self) -> Any:
        """Send the call; return the response of the server."""
        return await self.send({})

    async def answer(self, content: dict[str, Any]) -> Any:
        """Answer every question with this, and send the call again."""
        answers = {name: {"action": "accept", "content": content} for name in self.questions}
        return await self.send({"inputResponses": answers, "requestState": self.state})

    async def send(self, more: dict[str, Any]) -> Any:
        """Send the call with more parameters, and keep the questions and the state of the answer."""
        params = {"name": self.tool, "arguments": self.arguments, "_meta": ELICITATION, **more}
        self.requests += 1
        wire = MODERN.request(self.key, "tools/call", params, self.requests)
        async with self.http.post(wire.path, data=wire.body, headers=wire.headers) as response:
            body = _message(await response.text(), response.content_type)
        assert body["id"] == self.requests, body
        result = body.get("result", {})
        self.questions = result.get("inputRequests", {})
        self.state = result.get("requestState")
        return body


def _message(text: str, content_type: str) -> Any:
    """Return the last message of an answer, which is an event stream or a single message."""
    if content_type == "text/event-stream":
        text = [line for line in text.splitlines() if line.startswith("data: ")][-1].removeprefix("data: ")
    return json.loads(text)
