"""The interface of the services to the downstream MCP servers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ambassador_server.domain.catalog.mcps import (
    BreakerState,
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    OutputLine,
    SandboxOffer,
    Tool,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import NeutralRequest, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamChange:
    """A change of one downstream: of its status or of what it offers, or of its `breaker` alone if that is set.

    The breaker may be that of the connection of one user, `user_id`.
    """

    mcp_id: str
    status: DownstreamStatus
    error: str | None
    tools: tuple[Tool, ...]
    tools_changed: bool
    resources_changed: bool = False
    prompts_changed: bool = False
    breaker: BreakerState | None = None
    user_id: str | None = None


ResourceListener = Callable[[bytes], None]
"""Takes the raw params of `notifications/resources/updated`; returns at once and never raises."""

DownstreamListener = Callable[[DownstreamChange], None]


class Downstreams(Protocol):
    """All downstreams of the catalog, each with its own supervisor."""

    def subscribe(self, listener: DownstreamListener) -> None:
        """Call the listener, in the event loop, after every change of a downstream, in the order of subscription."""
        ...

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Start new entries, restart changed ones and stop all others, without waiting."""
        ...

    def state(self, mcp_id: str) -> DownstreamState:
        """Return the state of a downstream; an unknown one is `stopped`."""
        ...

    def activity(self, mcp_id: str) -> DownstreamActivity:
        """Return the sums over all connections to a downstream, including those of single users."""
        ...

    def recent_output(self, mcp_id: str) -> tuple[OutputLine, ...]:
        """Return the last lines of every connection to a downstream, oldest first within each connection."""
        ...

    def restart(self, mcp_id: str) -> None:
        """Stop every connection to a downstream and connect again, without waiting; ignores an unknown one."""
        ...

    def retain_users(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id `wanted` is false, without waiting."""
        ...

    def credentials_changed(self, changed: Callable[[str, str], bool]) -> None:
        """End the connections of users whose credential has changed or is gone, after their calls in flight.

        `changed` takes the ids of an entry and of a user.
        """
        ...

    def connect_user(self, mcp_id: str, user_id: str, credential: Credential) -> None:
        """Open a connection of a user, without waiting, unless there is one; ignores an entry that does not run.

        Raises OverloadedError.
        """
        ...

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or an option is invalid; connects to nothing."""
        ...

    def hide_secrets(self, mcps: Iterable[Mcp]) -> None:
        """Keep the secret files that these entries refer to out of reach of programs that start from now on."""
        ...

    def starts_program(self, mcp: Mcp) -> bool:
        """Tell whether a connection to the entry starts a program; raises InvalidInputError for another transport."""
        ...

    def sandbox(self, mcp: Mcp) -> str | None:
        """Return the sandbox that holds the program of an entry; None if it has none, or none can hold it."""
        ...

    def sandboxes(self) -> tuple[SandboxOffer, ...]:
        """Return every sandbox and whether this machine offers it; may take a second at the first time."""
        ...

    async def probe(self, mcp: Mcp, credential: Credential | None = None) -> tuple[Tool, ...]:
        """Connect to an entry on a separate connection, with this credential, list its tools, and disconnect.

        Raises InvalidInputError for invalid options, DownstreamUnavailableError, DownstreamTimeoutError.
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

        With isolation `per_user`, or if users have credentials of their own, the request goes over the connection of
        `user_id`. The downstream is asked to report progress if `request.tell` is set.

        Raises CredentialRefusedError, DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError,
        InvalidInputError for params that are not a JSON object, and DefinitionChangedError if the connection that the
        call goes over has listed `request.tool` with another definition. Cancelling the caller cancels the call.
        """
        ...

    def watch_resource(
        self,
        mcp_id: str,
        uri: str,
        *,
        user_id: str,
        listener: ResourceListener,
        credential: Credential | None = None,
    ) -> Callable[[], None]:
        """Tell the listener of each update of a resource from now on; returns the function that ends this.

        `uri` is the downstream's own, `credential` what the user was lent. Where a user has an own session, that of
        `user_id` is used. Losses of the session end nothing. A listener hears nothing while the downstream is not
        running, or if it announces no updates. Raises OverloadedError when too many resources are watched.
        """
        ...

    async def close(self) -> None:
        """Stop every downstream and its processes."""
        ...
