"""The host's MCP session with the server in the legacy era: the handshake, and its repetition after a loss."""

import asyncio
import re
from typing import TYPE_CHECKING

from ambassador_client.link.refusals import refusal
from ambassador_client.proxy.local_responses import Features
from ambassador_client.proxy.message import Headers, Message
from ambassador_client.proxy.server_responses import is_result, read_features
from ambassador_protocol.mcp import LATEST_LEGACY, SESSION_HEADER, VERSION_HEADER

if TYPE_CHECKING:
    from ambassador_client.link.http_client import Response
    from ambassador_client.proxy.session import Session

_RETRYABLE = frozenset({401, 429})
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")
_INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
_MOST_SUBSCRIPTIONS = 256


class Conversation:
    """The legacy conversation of one host: its `initialize` message and the MCP session id from the server.

    The proxy has answered `initialize` by itself; the server receives it before the first message that needs it.
    """

    def __init__(self) -> None:
        self.version = LATEST_LEGACY
        self.is_initialized = False
        self.features: Features | None = None
        """What the server has; None while that is not known."""
        self._initialize_body: bytes | None = None
        self._token: str | None = None
        self._session_id: str | None = None
        self._was_established = False
        self._subscriptions: dict[str, bytes] = {}
        self.lost_subscriptions: set[str] = set()
        """The resources to which the host subscribed in an earlier session of the server, but not yet in this one."""
        self._handshake_lock = asyncio.Lock()

    def begin(self, message: Message, version: str) -> None:
        """Store the host's `initialize` message and forget the previous conversation."""
        self.version = version
        self.is_initialized = False
        self._initialize_body = message.body
        self._token = self._session_id = None
        self._was_established = False
        self._subscriptions.clear()
        self.lost_subscriptions.clear()

    def mark_initialized(self) -> None:
        """Record that the host sent `notifications/initialized`."""
        self.is_initialized = True

    def remember_subscription(self, message: Message) -> None:
        """Remember which resources the host subscribes to, because a new session of the server knows none."""
        uri = Message.parse(message.body).params.get("uri")
        if not isinstance(uri, str):
            return
        if message.method == "resources/unsubscribe":
            self._subscriptions.pop(uri, None)
            self.lost_subscriptions.discard(uri)
        elif len(self._subscriptions) < _MOST_SUBSCRIPTIONS:
            self._subscriptions[uri] = message.body

    def learn_features(self, features: Features | None) -> None:
        """Remember what the server has; None if an answer did not say it."""
        if features is not None:
            self.features = features

    async def headers(self, session: "Session", common: Headers) -> Headers:
        """Return the additional headers of a legacy message; performs the handshake with the server first if needed."""
        if self._initialize_body is None:
            return []
        async with self._handshake_lock:
            if self._token is None or self._token != session.token:
                await self._perform_handshake(session, [*common, (VERSION_HEADER, self.version)])
        return self._own_headers()

    def closing_headers(self) -> Headers:
        """Return the headers of the request that ends the server's MCP session; empty if there is none."""
        own = self._own_headers()
        return [*own, (VERSION_HEADER, self.version)] if own else []

    def is_lost(self, response: "Response", sent: Headers) -> bool:
        """Tell whether the server no longer knows the session that `sent` names; the message did not run."""
        if response.status != 404 or not sent:
            return False
        if sent == self._own_headers():
            self._token = self._session_id = None
        return True

    async def _perform_handshake(self, session: "Session", common: Headers) -> None:
        self._session_id = None
        async with session.post(
            common, self._initialize_body or b"", replayable=True, priority=True
        ) as response:
            if response.status in _RETRYABLE or response.status >= 500:
                reply = await response.read()
                raise refusal(reply.status, reply.body, reply.retry_after)
            given = response.mcp_session if response.status == 200 else None
            self._session_id = given if given and _SESSION_ID.fullmatch(given) else None
            reply = await response.read()
            if response.status == 200:
                self.learn_features(read_features(reply.body))
        if self._was_established and self.is_initialized:
            headers = [*common, *self._own_headers()]
            async with session.post(headers, _INITIALIZED, replayable=True, priority=True) as response:
                await response.discard()
            self.lost_subscriptions = set(self._subscriptions)
            await self.subscribe_again(session, common)
        self._was_established = True
        self._token = session.token

    async def subscribe_again(self, session: "Session", common: Headers) -> list[str]:
        """Subscribe to what was lost with an earlier session of the server; return the resources that it accepts.

        Until its MCPs are connected, a server that has just started does not know their resources.
        """
        accepted = []
        for uri in sorted(self.lost_subscriptions):
            headers, body = [*common, *self._own_headers()], self._subscriptions.get(uri)
            if body is None:  # the host has ended it meanwhile
                continue
            async with session.post(headers, body, replayable=True, priority=True) as response:
                reply = await response.read()
            if is_result(reply.body):
                self.lost_subscriptions.discard(uri)
                accepted.append(uri)
        return accepted

    def _own_headers(self) -> Headers:
        return [] if self._session_id is None else [(SESSION_HEADER, self._session_id)]
