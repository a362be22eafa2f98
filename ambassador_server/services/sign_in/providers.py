"""Knows which issuers grant access to MCPs for the tokens that requests present."""

from collections.abc import Mapping

from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class Providers:
    """The names of the issuers, which follow the policy; without one, no token outlives the check of its request."""

    def __init__(self, policy: PolicyKeeper) -> None:
        self.names: frozenset[str] = frozenset()
        self._mcps: Mapping[str, Mcp] = {}
        self._follow(policy.snapshot)
        policy.subscribe(self._follow)

    def _follow(self, snapshot: Snapshot) -> None:
        if snapshot.mcps is not self._mcps:
            self._mcps = snapshot.mcps
            named = (mcp.credentials.provider for mcp in snapshot.mcps.values())
            self.names = frozenset(name for name in named if name is not None)
