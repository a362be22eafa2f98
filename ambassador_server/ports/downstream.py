"""What the rules need from the downstream MCP servers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ambassador_server.domain.catalog import DownstreamState, DownstreamStatus, Mcp, Tool


@dataclass(frozen=True, slots=True)
class Reply:
    """A downstream's answer to one request: exactly one of the two is set, each raw JSON, byte for byte."""

    result: bytes | None
    error: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamChange:
    """News of one downstream: another status, or other tools."""

    mcp_id: str
    status: DownstreamStatus
    error: str | None
    tools: tuple[Tool, ...]
    tools_changed: bool


DownstreamListener = Callable[[DownstreamChange], None]


class Downstreams(Protocol):
    """Every downstream the catalog names, each with its own supervisor."""

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Reconcile with these entries without waiting: start new ones, restart changed ones, stop the rest."""
        ...

    def state(self, mcp_id: str) -> DownstreamState:
        """Return what is known of a downstream; one that is not here is `stopped`."""
        ...

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or its options make no sense; connects to nothing."""
        ...

    async def probe(self, mcp: Mcp) -> tuple[Tool, ...]:
        """Connect to an entry apart from the running ones, list its tools, disconnect.

        Raises InvalidInputError for options that make no sense, DownstreamUnavailableError, DownstreamTimeoutError.
        """
        ...

    async def call(self, mcp_id: str, method: str, params: bytes, *, timeout: float) -> Reply:
        """Send one request and return the answer; `params` is a raw JSON object, `timeout` is in seconds.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError, and InvalidInputError for params
        that are no JSON object. Cancelling the caller cancels the call.
        """
        ...

    async def close(self) -> None:
        """Stop every downstream and leave no process behind."""
        ...
