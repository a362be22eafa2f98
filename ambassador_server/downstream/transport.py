"""What the pool needs from a transport, and what a transport is given."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.downstream import Reply

NotificationHandler = Callable[[str, bytes], None]
"""Takes the method and the raw params of a notification; must return at once."""

UNCANCELLABLE = frozenset({"initialize", "server/discover"})
"""Requests that the protocol forbids to cancel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a transport reports to; `mask` hides secrets in text that a person may read."""

    notified: NotificationHandler
    mask: Callable[[str], str]


class SessionLostError(Exception):
    """The downstream has forgotten this session: the request did not run and may be repeated on a new one."""

    def __init__(self, session_id: str) -> None:
        super().__init__("the session is lost")
        self.session_id = session_id


class RejectedError(DownstreamUnavailableError):
    """The downstream is there, but does not take the request as it was put: another era may do better."""


class Transport(Protocol):
    """A way to reach one downstream: it carries JSON-RPC and knows nothing of what a method means.

    Every method but `close` raises DownstreamUnavailableError. Cancelling `request` cancels it downstream.
    """

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds, in one line, why the downstream is gone; pending while it is not."""
        ...

    @property
    def mirrors_headers(self) -> bool:
        """Tell whether parts of a modern request are repeated in headers."""
        ...

    async def open(self) -> None:
        """Get ready to carry requests."""
        ...

    def adopt(self, version: str) -> None:
        """Speak this protocol version from now on."""
        ...

    async def request(self, method: str, params: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Send one request and return its answer; raises SessionLostError where sessions exist."""
        ...

    async def notify(self, method: str, params: bytes) -> None:
        """Send one notification."""
        ...

    async def listen(self) -> bool:
        """Read what a legacy downstream says outside any request, until it stops.

        Returns whether listening again makes sense; raises SessionLostError where sessions exist.
        """
        ...

    def last_words(self) -> str:
        """Return what the downstream complained of last, masked; for administrators, never for callers."""
        ...

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines that were not MCP, oldest first, masked."""
        ...

    async def close(self) -> None:
        """End the connection, fail whoever still waits, and leave nothing behind even when cancelled midway."""
        ...


class TransportModule(Protocol):
    """What a file of `transports/` offers; both raise InvalidInputError that names the option at fault."""

    def check(self, options: Mapping[str, Any]) -> None:
        """Tell whether the options make sense, without touching anything."""
        ...

    def build(self, options: Mapping[str, Any], hooks: Hooks) -> Transport:
        """Return a transport that is not open yet."""
        ...
