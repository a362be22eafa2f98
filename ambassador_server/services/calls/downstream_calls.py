"""Sends calls with the credentials of their users, and refuses calls without one."""

from collections.abc import Awaitable, Callable
from typing import Final

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import CredentialFault, Deny, MissingCredential, Reason
from ambassador_server.errors import AmbassadorError, CredentialRefusedError, StepUpNeededError
from ambassador_server.ports.credentials import Credential, CredentialLender, Missing, MissingBecause
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.in_flight import CallStoppedError

Lent = Credential | AmbassadorError
"""What a call was lent, or why nothing can be lent now: the call fails with this error once its attempt is recorded."""
_MOST_CHANGES: Final = 5
"""How often in a row a credential may be replaced while it is read."""


class DownstreamCalls:
    """Lends credentials to calls of `downstreams`.

    `link` returns the address where users give the one for an MCP, if there is one.
    """

    def __init__(
        self,
        downstreams: Downstreams,
        lender: CredentialLender,
        link: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.downstreams = downstreams
        self._lender = lender
        self._link = link
        # That of most calls is known already.
        self.known = lender.known

    async def lend(self, principal: Principal, mcp: Mcp) -> Lent:
        """Return the credential of a principal for an MCP; raises CallStoppedError without one."""
        try:
            lent = await self._lender.for_(principal.user_id, mcp, principal.token)
        except AmbassadorError as error:
            return error
        if isinstance(lent, Missing):
            raise CallStoppedError(denial_without(mcp, lent, link=self._link_for(mcp)))
        return lent

    async def send(
        self, principal: Principal, mcp: Mcp, lent: Lent, send: Callable[[Credential], Awaitable[Reply]]
    ) -> Reply:
        """Send a request with the credential as it is now, and once more if the MCP refuses it and there is another.

        An MCP that refuses a credential has run nothing. Raises CallStoppedError if there is no other.
        """
        known = self._lender.known(principal.user_id, mcp, principal.token)
        # The one that is known is valid now, and nothing can change between here and the sending.
        credential = (
            known if known is not None and known is lent else await self._current(principal, mcp, lent)
        )
        try:
            return await send(credential)
        except CredentialRefusedError as refused:
            if not await self._can_be_replaced(principal, mcp, credential, refused):
                raise self._final(mcp, refused) from None
        another = await self._current(principal, mcp, await self.lend(principal, mcp))
        try:
            return await send(another)
        except CredentialRefusedError as refused:
            raise self._final(mcp, refused) from None

    async def _current(self, principal: Principal, mcp: Mcp, lent: Lent) -> Credential:
        """Return the credential that is valid now, without a wait between the check and the return.

        It may have been replaced or removed while the attempt was recorded.
        """
        for _ in range(_MOST_CHANGES):
            if isinstance(lent, AmbassadorError):
                raise lent
            now = await self.lend(principal, mcp)
            # One that is known is returned at once, so nothing can have changed since.
            if now is lent:
                return lent
            lent = now
        if isinstance(lent, AmbassadorError):
            raise lent
        return lent

    async def _can_be_replaced(
        self, principal: Principal, mcp: Mcp, credential: Credential, refused: CredentialRefusedError
    ) -> bool:
        """Tell whether another credential can be lent; raises CallStoppedError if the user has to grant more."""
        try:
            return await self._lender.refused(
                principal.user_id, mcp, credential, refused.challenge, principal.token
            )
        except StepUpNeededError:
            raise self._stopped(mcp, CredentialFault.TOO_FEW_SCOPES) from None

    def _final(self, mcp: Mcp, refused: CredentialRefusedError) -> Exception:
        """Return the error for a credential that the MCP refuses and that cannot be replaced now."""
        if refused.is_known:
            return refused
        return self._stopped(mcp, CredentialFault.REFUSED)

    def _stopped(self, mcp: Mcp, fault: CredentialFault) -> CallStoppedError:
        missing = Missing(because=MissingBecause.NOT_GIVEN, needs_connect=mcp.credentials.needs_connect)
        return CallStoppedError(denial_without(mcp, missing, fault=fault, link=self._link_for(mcp)))

    def _link_for(self, mcp: Mcp) -> str | None:
        return self._link(mcp.name) if mcp.credentials.is_given_by_users else None


def denial_without(
    mcp: Mcp, missing: Missing, *, fault: CredentialFault | None = None, link: str | None = None
) -> Deny:
    """Return the denial of a call for lack of a credential."""
    return Deny(
        Reason.CREDENTIAL_MISSING,
        disclosed=True,
        missing=MissingCredential(
            mcp_name=mcp.name,
            fault=fault or CredentialFault(missing.because.value),
            fields=missing.fields,
            needs_connect=missing.needs_connect,
            link=link,
            provider=mcp.credentials.provider,
        ),
    )
