"""A request and a reply of the `/mcp` endpoint, free of any web library."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ambassador_server.domain.people.principals import Origin, Principal


class Headers(Protocol):
    """Case-insensitive headers that may repeat."""

    def get(self, name: str) -> str | None:
        """Return the first value."""
        ...

    def getall(self, name: str, default: Sequence[str]) -> Sequence[str]:
        """Return every value."""
        ...

    def keys(self) -> Iterable[str]:
        """Return the names."""
        ...


Teller = Callable[[bytes], None]
"""Sends one notification ahead of the reply: returns at once, and drops the oldest for a reader who is too slow."""

Asker = Callable[[bytes], None]
"""Sends one request of ours ahead of the reply: returns at once, and is never dropped. The answer is another POST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRequest:
    """One authenticated POST; after the first message that is sent ahead the reply is a stream of events."""

    headers: Headers
    body: bytes
    principal: Principal
    origin: Origin
    tell: Teller
    ask: Asker


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceReply:
    """What goes back; an empty body has no content type."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class McpFace(Protocol):
    """The Model Context Protocol over HTTP: requests, notifications and responses of a host come in as POSTs."""

    async def handle(self, request: FaceRequest) -> FaceReply:
        """Answer one POST; never raises an AmbassadorError."""
        ...

    def end(self, request: FaceRequest) -> FaceReply:
        """Answer one DELETE, which ends a conversation and the calls in it."""
        ...
