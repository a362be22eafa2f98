"""Lets connections of users show what an MCP offers that this server cannot list by itself."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from ambassador_server.domain.catalog.mcps import Mcp, McpStatus
from ambassador_server.domain.catalog.offers import NO_FEATURES
from ambassador_server.domain.people.credentials import state_of
from ambassador_server.domain.people.principals import PresentedToken, Principal
from ambassador_server.domain.policy.decide import PrincipalPolicy
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.credentials import Credential, CredentialLender
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_log = logging.getLogger(__name__)


class FirstLists:
    """Opens the connection of a user to an MCP of which nothing is known since the start of this server.

    That is when the user gives a credential for it, or asks for a list and has given one before. Where the access token
    of a request is exchanged, it is when a user who may use the MCP asks for a list with such a token.
    """

    def __init__(self, *, policy: PolicyKeeper, lender: CredentialLender, downstreams: Downstreams) -> None:
        self._policy = policy
        self._lender = lender
        self._downstreams = downstreams
        self._credentials = policy.snapshot.credentials
        self._mcps: Mapping[str, Mcp] = {}
        self._candidates: Sequence[Mcp] = ()
        self._opening: dict[tuple[str, str], asyncio.Task[None]] = {}

    def start(self) -> None:
        """Follow the policy; the downstreams have to follow it already."""
        self._credentials = self._policy.snapshot.credentials
        self._policy.subscribe(self._policy_changed)

    def asked(self, principal: Principal) -> None:
        """Take into account that a user asks what is offered; returns at once."""
        given = self._policy.snapshot.credentials
        for mcp in self._unknown():
            if mcp.credentials.provider is not None:
                if principal.token is not None and self._may_list(principal, mcp):
                    self._begin(principal.user_id, mcp, principal.token)
            elif (principal.user_id, mcp.mcp_id) in given:
                self._begin(principal.user_id, mcp)

    def _may_list(self, principal: Principal, mcp: Mcp) -> bool:
        """Tell whether the principal may use something of an MCP, and not every call of it is stopped."""
        snapshot, moment = self._policy.snapshot, self._policy.current_moment()
        policy = PrincipalPolicy(snapshot, principal, moment)
        if principal.key_name != mcp.credentials.provider or policy.denial is not None:
            return False
        is_stopped = snapshot.active_switch(SwitchScope.MCP, mcp.mcp_id, moment.now) is not None
        return not is_stopped and policy.delivery_of(mcp.mcp_id) is not None

    def _policy_changed(self, snapshot: Snapshot) -> None:
        before, self._credentials = self._credentials, snapshot.credentials
        if before is snapshot.credentials:
            return
        unknown = {mcp.mcp_id: mcp for mcp in self._unknown()}
        for (user_id, mcp_id), given in snapshot.credentials.items() if unknown else ():
            if mcp_id in unknown and state_of(before.get((user_id, mcp_id))) != state_of(given):
                self._begin(user_id, unknown[mcp_id])

    def _unknown(self) -> list[Mcp]:
        """Return the published MCPs that only users can list, and of which nothing is known."""
        mcps = self._policy.snapshot.mcps
        if mcps is not self._mcps:
            self._mcps = mcps
            self._candidates = [
                mcp
                for mcp in mcps.values()
                if mcp.status is McpStatus.PUBLISHED and mcp.credentials.is_listed_by_users
            ]
        return [
            mcp for mcp in self._candidates if self._downstreams.state(mcp.mcp_id).features == NO_FEATURES
        ]

    def _begin(self, user_id: str, mcp: Mcp, token: PresentedToken | None = None) -> None:
        pair = (user_id, mcp.mcp_id)
        if pair not in self._opening:
            task = self._opening[pair] = asyncio.get_running_loop().create_task(
                self._open(user_id, mcp, token)
            )
            task.add_done_callback(lambda _: self._opening.pop(pair, None))

    async def _open(self, user_id: str, mcp: Mcp, token: PresentedToken | None) -> None:
        pair = (user_id, mcp.mcp_id)
        given = self._policy.snapshot.credentials.get(pair)
        try:
            credential = await self._lender.for_(user_id, mcp, token)
            now = self._policy.snapshot
            mcp_now = now.mcps.get(mcp.mcp_id)
            # The MCP may have moved to another address meanwhile, and the credential may have been replaced.
            if (
                mcp_now is None
                or not mcp_now.has_same_connection(mcp)
                or now.credentials.get(pair) is not given
            ):
                return
            if isinstance(credential, Credential):
                self._downstreams.connect_user(mcp.mcp_id, user_id, credential)
        except AmbassadorError as error:
            _log.warning("%s: cannot list what it offers: %s", mcp.name, error.message)
