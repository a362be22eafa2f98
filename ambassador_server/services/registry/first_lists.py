"""Lets the first user who gives a credential show what an MCP offers that this server cannot list by itself."""

import asyncio
import logging

from ambassador_server.domain.catalog.mcps import Mcp, McpStatus
from ambassador_server.domain.catalog.offers import NO_FEATURES
from ambassador_server.domain.people.credentials import state_of
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.credentials import Credential, CredentialLender
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_log = logging.getLogger(__name__)


class FirstLists:
    """Opens the connection of a user when the user gives a credential for an MCP of which nothing is known yet."""

    def __init__(self, *, policy: PolicyKeeper, lender: CredentialLender, downstreams: Downstreams) -> None:
        self._policy = policy
        self._lender = lender
        self._downstreams = downstreams
        self._credentials = policy.snapshot.credentials
        self._opening: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Follow the policy; the downstreams have to follow it already."""
        self._credentials = self._policy.snapshot.credentials
        self._policy.subscribe(self._policy_changed)

    def _policy_changed(self, snapshot: Snapshot) -> None:
        before, self._credentials = self._credentials, snapshot.credentials
        if before is snapshot.credentials:
            return
        unknown = {mcp.mcp_id: mcp for mcp in snapshot.mcps.values() if self._is_unknown(mcp)}
        for (user_id, mcp_id), given in snapshot.credentials.items() if unknown else ():
            if mcp_id in unknown and state_of(before.get((user_id, mcp_id))) != state_of(given):
                task = asyncio.get_running_loop().create_task(self._open(user_id, unknown[mcp_id]))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)

    def _is_unknown(self, mcp: Mcp) -> bool:
        if mcp.status is not McpStatus.PUBLISHED or not mcp.credentials.is_listed_by_users:
            return False
        return self._downstreams.state(mcp.mcp_id).features == NO_FEATURES

    async def _open(self, user_id: str, mcp: Mcp) -> None:
        try:
            credential = await self._lender.for_(user_id, mcp)
            now = self._policy.snapshot.mcps.get(mcp.mcp_id)
            # The MCP may have moved to another address while the credential for this one was read.
            if isinstance(credential, Credential) and now is not None and now.has_same_connection(mcp):
                self._downstreams.connect_user(mcp.mcp_id, user_id, credential)
        except AmbassadorError as error:
            _log.warning("%s: cannot list what it offers: %s", mcp.name, error.message)
