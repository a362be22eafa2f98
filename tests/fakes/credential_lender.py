"""The lender of credentials in memory: each user has the credential of the latest generation that was set."""

import itertools
from collections.abc import Awaitable, Callable

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.credentials import Credential, Missing, MissingBecause

NOT_GIVEN = Missing(because=MissingBecause.NOT_GIVEN, fields=("token",))


class FakeCredentialLender:
    """Implements `ports.credentials.CredentialLender`.

    A refused credential is replaced by that in `renewed`, if there is one. `error` is raised instead of lending,
    `refusal_error` after a refusal; `before_lending` is awaited before each.
    """

    def __init__(self) -> None:
        self.given: dict[tuple[str, str], Credential] = {}
        self.renewed: dict[tuple[str, str], Credential] = {}
        self.refusals: list[tuple[str, str, str]] = []
        self.error: AmbassadorError | None = None
        self.refusal_error: AmbassadorError | None = None
        self.before_lending: Callable[[], Awaitable[None]] | None = None
        self._numbers = itertools.count(1)

    def give(self, user_id: str, mcp_id: str, value: str) -> Credential:
        """Set or replace the credential of a user."""
        generation = f"{value}-{next(self._numbers)}"
        lent = Credential(
            generation=generation,
            headers={"Authorization": f"Bearer {value}"},
            environment={"CREDENTIAL_TOKEN": value},
            secrets=(value,),
        )
        self.given[user_id, mcp_id] = lent
        return lent

    def remove(self, user_id: str, mcp_id: str) -> None:
        """Take the credential of a user away."""
        self.given.pop((user_id, mcp_id), None)

    def known(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | None:
        """Return the credential of a user if `for_` would return it at once."""
        if self.before_lending is not None or self.error is not None:
            return None
        given = self.given.get((user_id, mcp.mcp_id))
        return given if isinstance(given, Credential) else None

    async def for_(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> Credential | Missing:
        """Return the credential of a user."""
        if self.before_lending is not None:
            await self.before_lending()
        if self.error is not None:
            raise self.error
        return self.given.get((user_id, mcp.mcp_id), NOT_GIVEN)

    async def for_listing(self, mcp: Mcp) -> Credential | Missing:
        """Return what is given for nobody in particular."""
        return self.given.get(("", mcp.mcp_id), NOT_GIVEN)

    async def refused(
        self,
        user_id: str,
        mcp: Mcp,
        used: Credential,
        challenge: str,
        token: PresentedToken | None = None,
    ) -> bool:
        """Lend the renewed credential from now on, if there is one."""
        self.refusals.append((user_id, used.generation, challenge))
        if self.refusal_error is not None:
            raise self.refusal_error
        renewed = self.renewed.pop((user_id, mcp.mcp_id), None)
        if renewed is not None:
            self.given[user_id, mcp.mcp_id] = renewed
        return renewed is not None
