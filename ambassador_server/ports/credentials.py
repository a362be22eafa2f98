"""The interface of the calls to the credentials of users."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, field

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import PresentedToken


class Credential(Struct, frozen=True, kw_only=True):
    """The credential of one user, or of all users, for one MCP, filled into its templates.

    `environment` and `arguments` are for a program that starts, `headers` and `query` for each request. Credentials
    with the same `generation` differ in nothing but a refreshed token, so that a connection can go on. `holder` tells
    apart what a user has for each presented token, whose connections are beside each other. `secrets` are the values
    to mask in whatever is shown.
    """

    generation: str
    holder: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


class MissingBecause(StrEnum):
    """Why there is no credential."""

    NOT_GIVEN = "not_given"
    DEAD = "dead"
    CANNOT_BE_OPENED = "cannot_be_opened"
    REFERENCE_UNUSABLE = "reference_unusable"
    TOKEN_NOT_PRESENTED = "token_not_presented"
    NOT_EXCHANGED = "not_exchanged"


class Missing(Struct, frozen=True, kw_only=True):
    """There is no complete credential: which `fields` lack a value, and whether the user has to connect by OAuth."""

    because: MissingBecause
    fields: tuple[str, ...] = ()
    needs_connect: bool = False


class CredentialLender(Protocol):
    """Lends credentials to calls; nothing is lent in part.

    `token` is that of the request, which some MCPs are accessed by.
    """

    def known(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | None:
        """Return the credential that `for_` would return at once, or None if it would have to read."""
        ...

    async def for_(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | Missing:
        """Return the credential of a user for an MCP that needs one; no database is read if it is known already.

        Raises StorageError, and DownstreamUnavailableError if a token cannot be refreshed now.
        """
        ...

    async def for_listing(self, mcp: Mcp) -> Credential | Missing:
        """Return the credential with which this server itself lists what an MCP offers."""
        ...

    async def refused(
        self,
        user_id: str,
        mcp: Mcp,
        used: Credential,
        challenge: str,
        token: PresentedToken | None = None,
    ) -> bool:
        """Take into account that an MCP has refused a credential; return whether another one can be lent now.

        `challenge` is the value of `WWW-Authenticate`.
        """
        ...
