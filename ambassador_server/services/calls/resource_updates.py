"""Tells listeners that a resource was updated, as long as their principals may read it.

To watch a resource is a governed request: it is decided and recorded like reading it. Each update is decided again.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny, Permit, Reason
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.errors import InvalidInputError, OverloadedError
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.ports.exchange import Reply
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

SUBSCRIBE: Final = "resources/subscribe"
_COLLECT_SECONDS: Final = 0.1
"""Updates of a resource that follow each other so fast are told as one."""
_STALE_SECONDS: Final = 1.0

_MOST_PARTS: Final = 16
"""How many parts of a resource are told as updated at a time; beyond that, the resource is."""

Updated = Callable[[str], None]
"""Takes the published URI of a resource that was updated."""


class _Params(msgspec.Struct):
    uri: str


_params_decoder = msgspec.json.Decoder(_Params)


class Watch:
    """One resource that one listener watches, until it is closed or no longer permitted."""

    def __init__(
        self,
        watches: "ResourceUpdates",
        principal: Principal,
        entry: CatalogEntry,
        mcp: Mcp,
        updated: Updated,
    ) -> None:
        self.principal = principal
        self.entry = entry
        self.mcp = mcp
        self._watches = watches
        self._updated = updated
        self._stop: Callable[[], None] | None = None
        self._waiting: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, downstreams: Downstreams, credential: Credential | None) -> None:
        """Listen to the downstream, or to the one that has taken its place.

        Without the credential that the MCP needs the watch waits for a connection of the user.
        """
        if self._stop is not None:
            self._stop()
        self._stop = downstreams.watch_resource(
            self.mcp.mcp_id,
            self.entry.name,
            user_id=self.principal.user_id,
            listener=self._hear,
            credential=credential,
        )

    def close(self) -> None:
        """Tell nothing more."""
        self._watches.forget(self)
        if self._stop is not None:
            self._stop()
            self._stop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear(self, params: bytes) -> None:
        try:
            uri = _params_decoder.decode(params).uri
        except (msgspec.MsgspecError, RecursionError):
            return
        # Decided now, too: an update that was not permitted when it came is not told later.
        decision = self._watches.decide(self)
        if isinstance(decision, Deny) and decision.reason is not Reason.POLICY_STALE:
            self._refuse(decision)
            return
        # The update may be that of a part of the resource. A downstream that names many parts gets one update for all.
        self._waiting.add(uri if len(self._waiting) < _MOST_PARTS else self.entry.name)
        self._deliver_after(_COLLECT_SECONDS)

    def _deliver_after(self, seconds: float) -> None:
        if self._timer is None and self._stop is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        decision = self._watches.decide(self)
        if not isinstance(decision, Deny):
            waiting, self._waiting = self._waiting, set()
            for uri in sorted(waiting):
                self._updated(self._watches.published_uri(self, uri))
        elif decision.reason is Reason.POLICY_STALE:
            self._deliver_after(_STALE_SECONDS)
        else:
            self._refuse(decision)

    def _refuse(self, denied: Deny) -> None:
        """Forget what waits; only what a kill switch stops is watched on."""
        self._waiting.clear()
        if denied.reason is not Reason.KILL_SWITCH:
            self.close()


class ResourceUpdates:
    """Begins watches, and keeps them going when a downstream is replaced."""

    def __init__(
        self, *, policy: PolicyKeeper, catalog: Catalog, downstreams: Downstreams, pipeline: CallPipeline
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._downstreams = downstreams
        self._pipeline = pipeline
        self._watches: dict[Watch, None] = {}
        self._mcps = policy.snapshot.mcps
        policy.subscribe(self._policy_changed)

    def __len__(self) -> int:
        return len(self._watches)

    async def watch(self, principal: Principal, origin: Origin, uri: str, updated: Updated) -> Watch | Deny:
        """Watch a resource by its published URI, or return why that is denied.

        Raises InvalidInputError if its MCP tells of no updates, OverloadedError, and what the pipeline raises.
        """
        begun: list[Watch] = []

        async def begin(entry: CatalogEntry, credential: Credential | None) -> Reply:
            mcp_id = entry.ref.mcp_id
            if not self._downstreams.state(mcp_id).features.resource_subscriptions:
                raise InvalidInputError(f"{entry.mcp_name} tells of no updates of its resources")
            watch = Watch(self, principal, entry, self._policy.snapshot.mcps[mcp_id], updated)
            watch.begin(self._downstreams, credential)
            self._watches[watch] = None
            begun.append(watch)
            return Reply(result=b"{}", error=None)

        try:
            answer = await self._pipeline.call(
                CapabilityCall(
                    principal=principal,
                    origin=origin,
                    kind=CapabilityKind.RESOURCE,
                    method=SUBSCRIBE,
                    name=uri,
                    members={},
                    serve=begin,
                )
            )
        except BaseException:
            for watch in begun:
                watch.close()
            raise
        return begun[0] if isinstance(answer, Answered) else answer

    def decide(self, watch: Watch) -> Permit | Deny:
        """Decide whether the principal of a watch may read the resource now."""
        return decide(self._policy.snapshot, watch.principal, watch.entry.ref, self._policy.current_moment())

    def published_uri(self, watch: Watch, uri: str) -> str:
        """Return the URI by which hosts know a resource of the MCP of a watch."""
        return self._catalog.published_uri(watch.mcp.mcp_id, uri)

    def forget(self, watch: Watch) -> None:
        """Keep a watch no longer."""
        self._watches.pop(watch, None)

    def _policy_changed(self, snapshot: Snapshot) -> None:
        if snapshot.mcps is not self._mcps:
            self._mcps = snapshot.mcps
            if self._watches:
                # After all others that are told of the new policy, among them what replaces the downstreams.
                asyncio.get_running_loop().call_soon(self._renew)

    def _renew(self) -> None:
        """Listen to the downstreams that have replaced others."""
        for watch in tuple(self._watches):
            mcp = self._policy.snapshot.mcps.get(watch.mcp.mcp_id)
            if mcp is None:
                watch.close()
            elif mcp is not watch.mcp:
                watch.mcp = mcp
                try:
                    watch.begin(self._downstreams, None)
                except OverloadedError:
                    watch.close()
