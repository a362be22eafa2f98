"""A request and a reply of the `/mcp` endpoint, free of any web library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ambassador_server.domain.principal import Origin, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRequest:
    """One authenticated POST. `headers` is case-insensitive; `repeated` names headers that came more than once."""

    headers: Mapping[str, str]
    repeated: frozenset[str]
    body: bytes
    principal: Principal
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceReply:
    """What goes back; an empty body has no content type."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class McpFace(Protocol):
    """The Model Context Protocol over one POST."""

    async def handle(self, request: FaceRequest) -> FaceReply:
        """Answer the message; never raises an AmbassadorError."""
        ...
