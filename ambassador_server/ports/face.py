"""A request and a reply of the `/mcp` endpoint, free of any web library."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

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


SendNotification = Callable[[bytes], None]
"""Sends one notification before the reply. Returns at once; if the host reads too slowly, the oldest one is dropped."""

SendRequest = Callable[[bytes], None]
"""Sends one request to the host before the reply. Returns at once and drops nothing; the host answers with a POST."""


class FaceRequest(Struct, frozen=True, kw_only=True):
    """One authenticated POST or DELETE.

    `tell` and `ask` send messages before the reply; the first such message turns the reply into an event stream.
    """

    headers: Headers
    body: bytes
    principal: Principal
    origin: Origin
    tell: SendNotification
    ask: SendRequest


class FaceReply(Struct, frozen=True, kw_only=True):
    """The HTTP response to a FaceRequest; an empty body has no content type."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class McpFace(Protocol):
    """The Model Context Protocol over HTTP: a host sends requests, notifications and responses as POSTs."""

    async def handle(self, request: FaceRequest) -> FaceReply:
        """Answer one POST; never raises an AmbassadorError."""
        ...

    def end(self, request: FaceRequest) -> FaceReply:
        """Answer one DELETE, which ends a conversation and cancels its calls."""
        ...
