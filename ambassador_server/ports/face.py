"""A request and a reply of the `/mcp` endpoint, free of any web library."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
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


class Event(Struct, frozen=True):
    """One event of a stream: a message, and the id by which a legacy host resumes the stream after it.

    An event without a message only says from where the host can resume.
    """

    message: bytes
    id: str = ""


class EventStream(Protocol):
    """A reply that is a stream of events; its reader closes it, however the reading ends."""

    async def next(self) -> Sequence[Event]:
        """Wait for events and return all that have come; none at the end of the stream."""
        ...

    def close(self) -> None:
        """Free what belongs to the stream."""
        ...


SendNotification = Callable[[Event], None]
"""Sends one notification before the reply. Returns at once; if the host reads too slowly, the oldest one is dropped."""

SendRequest = Callable[[Event], None]
"""Sends one request to the host before the reply. Returns at once and drops nothing; the host answers with a POST."""

FirstEvent = Callable[[], Event | None]
"""Returns the event with which an event stream begins that nothing else has begun; None if it needs none."""


class FaceRequest(Struct, frozen=True, kw_only=True):
    """One authenticated request.

    `tell` and `ask` send messages before the reply; the first such message turns the reply into an event stream.
    `outlive` lets the request go on for a while when its connection is lost, so that its reply can be kept.
    """

    headers: Headers
    body: bytes
    principal: Principal
    origin: Origin
    tell: SendNotification
    ask: SendRequest
    outlive: Callable[[FirstEvent], None]


class FaceReply(Struct, frozen=True, kw_only=True):
    """The HTTP response to a FaceRequest; an empty body has no content type.

    `event_id` is the id of the reply if it ends an event stream.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    event_id: str = ""


class McpFace(Protocol):
    """The Model Context Protocol over HTTP: a host sends requests, notifications and responses as POSTs."""

    async def handle(self, request: FaceRequest) -> FaceReply | EventStream:
        """Answer one POST; never raises an AmbassadorError."""
        ...

    async def listen(self, request: FaceRequest) -> FaceReply | EventStream:
        """Answer one GET, which opens the stream of a conversation or resumes one of its streams."""
        ...

    def attend(self, principal: Principal, refused: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Call `refused` if nothing is permitted to the principal any more while the block runs."""
        ...

    def end(self, request: FaceRequest) -> FaceReply:
        """Answer one DELETE, which ends a conversation and cancels its calls."""
        ...

    def close(self) -> None:
        """End every stream, and open none from now on."""
        ...
