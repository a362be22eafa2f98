"""What a downstream session needs to know of an era, and what was agreed on in the handshake."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from ambassador_server.domain.catalog.mcps import Tool
from ambassador_server.downstream.transport import Transport
from ambassador_server.ports.exchange import NeutralRequest, Reply

Exchange = Callable[[NeutralRequest], Awaitable[Reply]]
"""Sends one request over the session and returns its answer."""


class Era(StrEnum):
    """Handshake and sessions, or every request for itself."""

    LEGACY = "legacy"
    MODERN = "modern"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was agreed with a downstream; `capabilities` are its own."""

    era: Era
    version: str
    capabilities: Mapping[str, Any]

    @property
    def has_tools(self) -> bool:
        """Tell whether there are tools to list."""
        return "tools" in self.capabilities

    @property
    def announces_tools(self) -> bool:
        """Tell whether the downstream notifies us when its tools change."""
        tools = self.capabilities.get("tools")
        return isinstance(tools, Mapping) and tools.get("listChanged") is True


class EraAdaptor(Protocol):
    """Turns neutral requests into those of one era, for one session."""

    @property
    def era(self) -> Era:
        """Return the era."""
        ...

    def prepare(
        self, request: NeutralRequest, progress_token: int | None
    ) -> tuple[bytes, Mapping[str, str] | None]:
        """Return the params and the headers to send; raises InvalidInputError for params that are no JSON object."""
        ...

    def usable(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        """Return the tools that can be called in this era, and remember what calling them takes."""
        ...

    def wants_fresh_tools(self, reply: Reply) -> bool:
        """Tell whether the request did not run because the tools changed since they were listed."""
        ...

    async def finish(self, reply: Reply, request: NeutralRequest, send: Exchange) -> Reply:
        """Return the final answer: questions that stand in an answer are put to the host, and the request retried."""
        ...

    async def listen(self, transport: Transport, send: Exchange) -> bool:
        """Listen for changes until the downstream stops; returns whether to listen again."""
        ...
