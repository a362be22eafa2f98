"""Computes what a kill switch stops, or would stop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.policy.impact import Activity, Impact, impact_of
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.errors import PolicyStaleError, StorageError
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
    """A count of objects, and the first of their names in alphabetical order."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImpact:
    """An impact with names in place of ids; `calls` and `token_clients` are those of this server."""

    users: CountedNames
    mcps: CountedNames
    tools: CountedNames
    resources: CountedNames
    prompts: CountedNames
    sessions: int
    token_clients: int
    calls: int


class SwitchEffects:
    """The use cases of operators for the impact of kill switches; they change nothing."""

    def __init__(
        self,
        *,
        store: Store,
        policy: PolicyKeeper,
        catalog: Catalog,
        in_flight: CallsInFlight,
        token_clients: Callable[[], Sequence[Principal]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._policy = policy
        self._catalog = catalog
        self._in_flight = in_flight
        self._token_clients = token_clients
        self._clock = clock

    def running(self) -> Running:
        """Return the calls in flight; a caller asks before it activates a switch that ends them."""
        return self._in_flight.running()

    async def of(self, switch: KillSwitch, running: Running) -> NamedImpact | None:
        """Return what the switch stops or would stop; None if the sessions or the policy cannot be read.

        Then a switch that was just activated is in force all the same, so this must not raise an error.
        """
        try:
            sessions = await self._sessions(switch.scope)
            moment = self._policy.confirmed_moment()
        except (StorageError, PolicyStaleError):
            return None
        snapshot, index = self._policy.snapshot, self._catalog.index()
        refs = [entry.ref for entry in index.every()]
        activity = Activity(
            capabilities=refs, sessions=sessions, token_clients=self._token_clients(), calls=running
        )
        # In a thread, because it takes long in a large organisation and must not delay calls.
        found = await asyncio.to_thread(impact_of, switch, snapshot, activity, moment)
        mcp_ids = {tool.mcp_id for tool in found.capabilities}
        return NamedImpact(
            users=_counted(snapshot.users[user_id].name for user_id in found.user_ids),
            mcps=_counted(snapshot.mcps[mcp_id].name for mcp_id in mcp_ids if mcp_id in snapshot.mcps),
            tools=_counted_of(CapabilityKind.TOOL, found),
            resources=_counted_of(CapabilityKind.RESOURCE, found),
            prompts=_counted_of(CapabilityKind.PROMPT, found),
            sessions=len(found.session_ids),
            token_clients=found.token_clients,
            calls=found.calls,
        )

    async def _sessions(self, scope: SwitchScope) -> list[Session]:
        if scope in _OF_TOOLS:
            return []  # sessions lose tools, but are not stopped
        async with self._store.read() as work:
            return await work.sessions.open_sessions(self._clock.now())


def _counted_of(kind: CapabilityKind, found: Impact) -> CountedNames:
    return _counted(each.name for each in found.capabilities if each.kind is kind)


def _counted(names: Iterable[str]) -> CountedNames:
    known = list(names)
    return CountedNames(len(known), tuple(nsmallest(FIRST_NAMES, known)))
