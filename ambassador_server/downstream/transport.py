"""The protocol that every transport implements, and the errors it raises."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ambassador_server.domain.catalog.credential_needs import CredentialNeeds
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.wire.messages import Message
from ambassador_server.errors import CredentialRefusedError, DownstreamUnavailableError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Reply, Tell

NotificationHandler = Callable[[str, bytes], None]
"""Takes the method and the raw params of a notification; must return at once."""

RequestHandler = Callable[[Message, Callable[[bytes], Awaitable[None]]], None]
"""Takes a request of the downstream that names no request of ours, and what sends the answer; must return at once."""

UNCANCELLABLE = frozenset({"initialize", "server/discover"})
"""Methods whose requests must not be cancelled."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The callbacks of a transport, the settings for a program that it starts, and the credential of its connection.

    `mask` hides secrets in text before it is shown.
    """

    notified: NotificationHandler
    asked: RequestHandler
    mask: Callable[[str], str]
    programs: ProgramSettings = field(default_factory=ProgramSettings)
    credential: Credential | None = None


class SessionLostError(Exception):
    """The downstream does not know this session any more.

    The request may be repeated in a new one unless it `may_have_run`.
    """

    def __init__(self, session_id: str, *, may_have_run: bool = False) -> None:
        super().__init__("the session is lost")
        self.session_id = session_id
        self.may_have_run = may_have_run


class RejectedError(DownstreamUnavailableError):
    """The downstream answers, but refuses the request in this form; the other era may work."""


class CredentialsRefusedError(RejectedError, CredentialRefusedError):
    """The downstream refuses the credentials, so it does not show which era it speaks."""


class Transport(Protocol):
    """Carries JSON-RPC to one downstream without regard to the methods.

    Every method but `close` raises DownstreamUnavailableError. Cancelling `request` cancels it downstream.
    """

    @property
    def ended(self) -> asyncio.Future[str]:
        """Return the future that holds, in one line, why the connection ended; pending while it has not."""
        ...

    @property
    def mirrors_headers(self) -> bool:
        """Tell whether parts of a modern request are repeated in headers."""
        ...

    @property
    def carries_modern_era(self) -> bool:
        """Tell whether the protocol defines this transport for the modern era, too."""
        ...

    @property
    def keeps_sessions(self) -> bool:
        """Tell whether the downstream keeps a session of ours that it could keep for each user instead."""
        ...

    async def open(self) -> None:
        """Prepare to carry requests."""
        ...

    def use_version(self, version: str) -> None:
        """Use this protocol version from now on."""
        ...

    def use_credential(self, credential: Credential) -> bool:
        """Use a credential from now on; return False if a program that runs was started with another one."""
        ...

    async def request(
        self,
        method: str,
        params: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        ask: Ask | None = None,
        tell: Tell | None = None,
    ) -> Reply:
        """Send one request and return its answer; raises SessionLostError where sessions exist.

        `ask` and `tell` get the questions and the log messages that certainly belong to this request.
        """
        ...

    async def notify(self, method: str, params: bytes) -> None:
        """Send one notification."""
        ...

    async def listen(self) -> bool:
        """Read the messages that a legacy downstream sends outside any request, until they end.

        Returns whether to listen again; raises SessionLostError where sessions exist.
        """
        ...

    async def until_listening(self) -> None:
        """Return when `listen` misses no message any more, or cannot get any."""
        ...

    def last_error_line(self) -> str:
        """Return the last line that an ended process wrote besides MCP, masked; for administrators, not for callers."""
        ...

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines that were not MCP, oldest first, masked."""
        ...

    async def close(self) -> None:
        """End the connection and every process, also when cancelled; requests that still wait fail."""
        ...


class TransportModule(Protocol):
    """What a file in `transports/` provides; its functions raise InvalidInputError naming the wrong option."""

    def check(self, options: Mapping[str, Any], programs: ProgramSettings) -> None:
        """Check the options without connecting."""
        ...

    def check_credentials(self, options: Mapping[str, Any], needs: CredentialNeeds) -> None:
        """Check that the transport can carry these credentials, and that the options do not set them."""
        ...

    def starts_program(self) -> bool:
        """Tell whether a connection starts a program that the entry names."""
        ...

    def sandbox(self, options: Mapping[str, Any], programs: ProgramSettings) -> str | None:
        """Return the sandbox that would hold the program; None for a transport that starts none."""
        ...

    def build(self, options: Mapping[str, Any], hooks: Hooks) -> Transport:
        """Return a transport that is not open yet."""
        ...
