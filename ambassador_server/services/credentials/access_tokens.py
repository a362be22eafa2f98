"""The interface of the lending to OAuth, which has the tokens of users and service accounts."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.ports.credentials import Missing


class AccessToken(Struct, frozen=True, kw_only=True):
    """A token that can be sent until `ask_again_at`, when the source wants to be asked again; None is never.

    `generation` is that of the grant of a service account, or for a presented token, and empty for a user, whose
    credential has one. `holder` and `hold` are those of a presented token.
    """

    value: str
    ask_again_at: datetime | None = None
    generation: str = ""
    holder: str = ""
    hold: "Hold | None" = None


class Hold:
    """Whether what was lent may still be used."""

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


class AssertedTokenSource(Protocol):
    """Returns access tokens that a provider grants for the access token of a request."""

    async def token_for(self, mcp: Mcp, user_id: str, token: PresentedToken | None) -> AccessToken | Missing:
        """Return the token for an MCP; raises DownstreamUnavailableError if none can be had now."""
        ...

    async def refused(self, mcp: Mcp, user_id: str, token: PresentedToken | None, refused: str) -> bool:
        """Take into account that an MCP has refused a token; return whether another one can be had now."""
        ...


class TokenSource(Protocol):
    """Returns access tokens, and refreshes them."""

    async def token_for(self, mcp: Mcp, credential: UserCredential | None) -> AccessToken | Missing:
        """Return the token of a user's credential, or of the service account of an MCP, which is without one.

        Raises StorageError, and DownstreamUnavailableError if a token cannot be refreshed now.
        """
        ...

    async def refused(self, mcp: Mcp, credential: UserCredential | None, token: str, challenge: str) -> bool:
        """Take into account that an MCP has refused a token; return whether another one can be had now."""
        ...
