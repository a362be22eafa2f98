"""What the rules need from the downstream MCP servers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ambassador_server.domain.catalog.mcps import (
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    OutputLine,
    Tool,
)
from ambassador_server.ports.exchange import NeutralRequest, Reply


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

    def subscribe(self, listener: DownstreamListener) -> None:
        """Call the listener, in the event loop, after every change of a downstream, in the order of subscription."""
        ...

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Reconcile with these entries without waiting: start new ones, restart changed ones, stop the rest."""
        ...

    def state(self, mcp_id: str) -> DownstreamState:
        """Return what is known of a downstream; one that is not here is `stopped`."""
        ...

    def activity(self, mcp_id: str) -> DownstreamActivity:
        """Return what the connections to a downstream are doing, those of its users included."""
        ...

    def recent_output(self, mcp_id: str) -> tuple[OutputLine, ...]:
        """Return the last lines of every connection to a downstream, oldest first within each connection."""
        ...

    def restart(self, mcp_id: str) -> None:
        """Stop every connection to a downstream and connect again without waiting; one that is not here stays so."""
        ...

    def retain_users(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id this is false, without waiting."""
        ...

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or its options make no sense; connects to nothing."""
        ...

    async def probe(self, mcp: Mcp) -> tuple[Tool, ...]:
        """Connect to an entry apart from the running ones, list its tools, disconnect.

        Raises InvalidInputError for options that make no sense, DownstreamUnavailableError, DownstreamTimeoutError.
        """
        ...

    async def call(
        self,
        mcp_id: str,
        request: NeutralRequest,
        *,
        user_id: str,
        timeout: float,
    ) -> Reply:
        """Send one request and return the answer; `timeout` is in seconds.

        Where users do not share a connection it goes over that of `user_id`. The downstream is asked to report its
        progress if the caller takes notices.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError, and InvalidInputError for params
        that are no JSON object. Cancelling the caller cancels the call.
        """
        ...

    async def close(self) -> None:
        """Stop every downstream and leave no process behind."""
        ...
