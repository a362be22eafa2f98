"""`subscriptions/listen` of the modern era: survives restarts of the server and works with servers without it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ambassador_client.errors import ClientError
from ambassador_client.proxy.message import Message, read_json
from ambassador_client.proxy.server_responses import is_unknown_method
from ambassador_protocol.mcp import META_SUBSCRIPTION

if TYPE_CHECKING:
    from ambassador_client.proxy.session import Session

Send = Callable[[bytes], Awaitable[None]]
Listen = Callable[[Send, Send], Awaitable[None]]
"""Sends the request; the first function receives the notifications, the second the answer."""

_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_TOOLS = "toolsListChanged"
_CHANGES = {
    _TOOLS: "notifications/tools/list_changed",
    "promptsListChanged": "notifications/prompts/list_changed",
    "resourcesListChanged": "notifications/resources/list_changed",
}
_RESOURCES = "resourceSubscriptions"
_UPDATED = "notifications/resources/updated"
_STABLE_SECONDS = 60.0


class Subscription:
    """One `subscriptions/listen` request of the host; ends when the server answers it or the host cancels it."""

    def __init__(self, message: Message, send: Send, send_answer: Send) -> None:
        self._message = message
        self._send = send
        self._send_answer = send_answer
        self._accepted: dict[str, Any] | None = None
        self._is_supported = True
        self._is_over = False

    async def run(self, session: "Session", listen: Listen) -> None:
        """Serve the request to its end; raises ClientError if the server was never reachable."""
        from ambassador_client.proxy.session import pause_after  # noqa: PLC0415 - not before the first answer

        loop = asyncio.get_running_loop()
        failures = 0
        while self._is_supported and not self._is_over:
            begun = loop.time()
            try:
                await listen(self._forward, self._end)
            except ClientError as broken:
                if self._accepted is None:
                    raise
                failures = 1 if loop.time() - begun >= _STABLE_SECONDS else failures + 1
                await asyncio.sleep(pause_after(broken, failures))
                await session.wait_until_working()
        while not self._is_over:
            await session.wait_until_broken()
            await session.wait_until_working()
            await self._send_changes()

    async def _forward(self, line: bytes) -> None:
        note = read_json(line)
        if note.get("method") != _ACKNOWLEDGED:
            return await self._send(line)
        params = note.get("params")
        accepted = params.get("notifications") if isinstance(params, dict) else None
        again, self._accepted = self._accepted is not None, accepted if isinstance(accepted, dict) else {}
        # After a gap the host gets change notifications for what it may have missed, not a second acknowledgement.
        await (self._send_changes() if again else self._send(line))
        return None

    async def _end(self, line: bytes) -> None:
        if not is_unknown_method(line):
            self._is_over = True
            return await self._send_answer(line)
        # The server sends no change notifications; a reconnection is reported as a possible change.
        self._is_supported = False
        wanted = Message.parse(self._message.body).params.get("notifications")
        is_wanted = isinstance(wanted, dict) and wanted.get(_TOOLS) is True
        self._accepted = {_TOOLS: True} if is_wanted else {}
        await self._notify(_ACKNOWLEDGED, notifications=self._accepted)
        return None

    async def _send_changes(self) -> None:
        for name, method in _CHANGES.items():
            if (self._accepted or {}).get(name) is True:
                await self._notify(method)
        uris = (self._accepted or {}).get(_RESOURCES)
        for uri in uris if isinstance(uris, list) else ():
            await self._notify(_UPDATED, uri=uri)

    async def _notify(self, method: str, **params: Any) -> None:
        params["_meta"] = {META_SUBSCRIPTION: self._message.id}
        note = {"jsonrpc": "2.0", "method": method, "params": params}
        await self._send(json.dumps(note, separators=(",", ":")).encode())
