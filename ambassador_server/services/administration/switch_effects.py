"""Says what a kill switch stops, or would stop, from the policy the calls are decided by."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.policy.impact import Activity, impact_of
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.errors import StorageError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.store import Store
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

FIRST_NAMES = 100
_OF_TOOLS = (SwitchScope.MCP, SwitchScope.TOOL, SwitchScope.TOOL_CLASS)

Running = tuple[tuple[Principal, CapabilityRef], ...]


@dataclass(frozen=True, slots=True)
class CountedNames:
    """How many there are, and the first of their names in order."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImpact:
    """An impact in the names a person knows; `calls` are those in flight on this server."""

    users: CountedNames
    mcps: CountedNames
    tools: CountedNames
    sessions: int
    calls: int


class SwitchEffects:
    """Read-only; nothing here changes, and nothing here decides by itself."""

    def __init__(
        self, *, store: Store, policy: PolicyKeeper, catalog: Catalog, in_flight: CallsInFlight, clock: Clock
    ) -> None:
        self._store = store
        self._policy = policy
        self._catalog = catalog
        self._in_flight = in_flight
        self._clock = clock

    def running(self) -> Running:
        """Return the calls in flight, to be asked for before a switch ends them."""
        return self._in_flight.running()

    async def of(self, switch: KillSwitch, running: Running) -> NamedImpact | None:
        """Return what the switch stops or would stop; None when the sessions cannot be read.

        A switch that was activated holds even so, and its author must be told that before anything else.
        """
        try:
            sessions = await self._sessions(switch.scope)
        except StorageError:
            return None
        snapshot, index = self._policy.snapshot, self._catalog.index()
        activity = Activity(tools=[entry.ref for entry in index.entries], sessions=sessions, calls=running)
        # In a thread: calls go on while a large organisation is looked through.
        found = await asyncio.to_thread(impact_of, switch, snapshot, activity, self._policy.moment())
        mcp_ids = {tool.mcp_id for tool in found.tools}
        return NamedImpact(
            users=_hits(snapshot.users[user_id].name for user_id in found.user_ids),
            mcps=_hits(snapshot.mcps[mcp_id].name for mcp_id in mcp_ids if mcp_id in snapshot.mcps),
            tools=_hits(tool.name for tool in found.tools),
            sessions=len(found.session_ids),
            calls=found.calls,
        )

    async def _sessions(self, scope: SwitchScope) -> list[Session]:
        if scope in _OF_TOOLS:
            return []  # they lose tools and go on
        async with self._store.read() as work:
            return await work.sessions.open_sessions(self._clock.now())


def _hits(names: Iterable[str]) -> CountedNames:
    known = list(names)
    return CountedNames(len(known), tuple(nsmallest(FIRST_NAMES, known)))
