"""Runs every downstream of the catalog and sends requests to them."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ambassador_server.domain.catalog.mcps import (
    BreakerState,
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Isolation,
    Mcp,
    OutputLine,
    SandboxOffer,
    Sessions,
    Tool,
)
from ambassador_server.downstream.connection_builder import (
    STARTING,
    STOPPED,
    ConnectionBuilder,
    await_users,
)
from ambassador_server.downstream.era import Era, EraMemory
from ambassador_server.downstream.features.calls_in_flight import can_be_asked
from ambassador_server.downstream.features.session_lists import with_lists
from ambassador_server.downstream.lent_credential import OwnCredentials
from ambassador_server.downstream.per_user import UserConnections, UserLimits, key_of
from ambassador_server.downstream.probes import ProbeReport, Probes
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.sandboxes import offers
from ambassador_server.downstream.session import SessionOwner
from ambassador_server.downstream.supervisor import Habits, Known, Limits, Supervisor
from ambassador_server.downstream.transports import (
    check_credentials,
    check_options,
    sandbox_of,
    starts_program,
)
from ambassador_server.errors import CredentialMissingError, DownstreamUnavailableError, InvalidInputError
from ambassador_server.ports.credentials import Credential, CredentialLender
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener, ResourceListener
from ambassador_server.ports.exchange import NeutralRequest, Reply

_log = logging.getLogger(__name__)
_CONNECTS_AT_ONCE, _CONNECTS_PER_SECOND = 32, 500
"""How many new entries of the catalog are connected to at once, and how fast the others follow."""


class DownstreamPool:
    """Implements `ports.downstream.Downstreams`: one supervisor per catalog entry; needs a running event loop.

    With isolation `per_user` the supervisor of the entry carries no calls. It only watches state and tools of the
    entry, so that outages and new tools are noticed without calls. Calls go over each user's own supervisor, whose
    outages are not reported as the entry's.

    An entry that only users can list has no connection of its own: it offers what their connections have listed.
    `mask` hides secrets in the output of a downstream before it is shown. `lender` has the credentials with which this
    server itself connects to entries.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        user_limits: UserLimits | None = None,
        mask: Callable[[str], str] = str,
        programs: ProgramSettings | None = None,
        lender: CredentialLender | None = None,
    ) -> None:
        self._listeners: list[DownstreamListener] = []
        limits, self._programs = limits or Limits(), programs or ProgramSettings()
        own = None if lender is None else OwnCredentials(lender)
        self._running: dict[str, Supervisor] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._eras = EraMemory()
        self._build = ConnectionBuilder(
            limits=limits, mask=mask, programs=self._programs, own=own, eras=self._eras
        )
        # An entry is probed just before it is published, so its tools are known before it has started.
        self._probes = Probes(mask, self._programs, limits.connect, self._eras)
        limits_of_users = user_limits or UserLimits()
        self._users = UserConnections(
            limits_of_users, build=self._supervisor_of_user, stop=self._stop, is_program=self.starts_program
        )

    def subscribe(self, listener: DownstreamListener) -> None:
        """Call the listener, in the event loop, after every change of a downstream."""
        self._listeners.append(listener)

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Start, restart and stop supervisors to match these entries, without waiting."""
        wanted, begun = {mcp.mcp_id: mcp for mcp in mcps}, 0
        for mcp_id in self._running.keys() - wanted.keys():
            removed = self._running.pop(mcp_id)
            _ = self._stop(removed)
            self._users.stop_entry(mcp_id)
            self._notify_listeners(_stopped(removed))
        for mcp_id, mcp in wanted.items():
            current = self._running.get(mcp_id)
            if current is None:
                state = _first_state(self._probes.take(mcp_id), (last_known or {}).get(mcp_id))
                known = Known(state=state, era=self._eras.era_of(mcp), habits=_habits_of(mcp))
                # A server with many entries must answer clients while it connects to them.
                self._add(mcp, known, delay=max(0, begun - _CONNECTS_AT_ONCE) / _CONNECTS_PER_SECOND)
                begun += 1
            elif current.mcp.has_same_connection(mcp):
                for _, supervisor in self._supervisors(mcp_id):
                    supervisor.use(mcp)
            else:
                self._replace(current, mcp, self._probes.take(mcp_id))

    def state(self, mcp_id: str) -> DownstreamState:
        """Return the state of a downstream; one that does not run is `stopped`, with what its last probe has found."""
        supervisor = self._running.get(mcp_id)
        if supervisor is not None:
            return supervisor.state
        probed = self._probes.last(mcp_id)
        return replace(STOPPED, report=probed.report, last_failure=probed.failure)

    def activity(self, mcp_id: str) -> DownstreamActivity:
        """Return the sums over all connections to a downstream, including those of single users."""
        activities = [supervisor.activity for _, supervisor in self._supervisors(mcp_id)]
        probes = [each.next_probe_at for each in activities if each.next_probe_at is not None]
        breakers = {each.breaker for each in activities}
        return DownstreamActivity(
            breaker=next((each for each in _WORST_FIRST if each in breakers), BreakerState.CLOSED),
            next_probe_at=min(probes, default=None),
            connections=sum(activity.connections for activity in activities),
            in_flight=sum(activity.in_flight for activity in activities),
            restarts=sum(activity.restarts for activity in activities),
        )

    def recent_output(self, mcp_id: str) -> tuple[OutputLine, ...]:
        """Return the last lines of every connection to a downstream that were not MCP, masked.

        For an entry that does not run these are the lines of its last probe, if that failed.
        """
        if mcp_id not in self._running:
            return tuple(OutputLine(None, line) for line in self._probes.last(mcp_id).output)
        return tuple(
            OutputLine(user_id, line)
            for user_id, supervisor in self._supervisors(mcp_id)
            for line in supervisor.recent_output()
        )

    def restart(self, mcp_id: str) -> None:
        """Stop every connection to a downstream and connect again; a user's own one connects at the next call."""
        current = self._running.get(mcp_id)
        if current is not None:
            self._replace(current, current.mcp, ProbeReport(report=current.state.report))

    def retain_users(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id `wanted` is false."""
        self._users.retain(wanted)

    def credentials_changed(self, changed: Callable[[str, str], bool]) -> None:
        """End the connections with a credential that has changed, after their calls in flight."""
        self._users.retire(changed)

    def connect_user(self, mcp_id: str, user_id: str, credential: Credential) -> None:
        """Open a connection of a user unless there is one. Raises OverloadedError."""
        if mcp_id in self._running:
            self._users.connect(self._running[mcp_id].mcp, user_id, credential)

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or an option is invalid."""
        check_options(mcp.transport, mcp.options, self._programs)
        check_credentials(mcp.transport, mcp.options, mcp.credentials)

    def hide_secrets(self, mcps: Iterable[Mcp]) -> None:
        """Keep the secret files of these entries out of reach of programs that start from now on."""
        for mcp in mcps:
            self._programs.hidden.add_referenced((mcp.options, mcp.credentials.references))

    def starts_program(self, mcp: Mcp) -> bool:
        """Tell whether a connection to the entry starts a program; raises InvalidInputError for another transport."""
        return starts_program(mcp.transport)

    def sandbox(self, mcp: Mcp) -> str | None:
        """Return the sandbox that holds the program of an entry; None if it has none, or none can hold it."""
        try:
            return sandbox_of(mcp.transport, mcp.options, self._programs)
        except (InvalidInputError, DownstreamUnavailableError):
            return None

    def sandboxes(self) -> tuple[SandboxOffer, ...]:
        """Return what this machine offers; may take a second at the first time."""
        return offers(self._programs)

    async def probe(self, mcp: Mcp, credential: Credential | None = None) -> tuple[Tool, ...]:
        """Connect to an entry beside the running ones, with this credential, list its tools, disconnect.

        Raises InvalidInputError for invalid options, DownstreamUnavailableError, DownstreamTimeoutError.
        """
        self.hide_secrets((mcp,))
        return await self._probes.probe(mcp, credential)

    async def call(
        self,
        mcp_id: str,
        request: NeutralRequest,
        *,
        user_id: str,
        timeout: float,
    ) -> Reply:
        """Send one request and return the answer; cancelling the caller cancels the call downstream.

        Raises DownstreamUnavailableError, DownstreamTimeoutError after `timeout` seconds, OverloadedError when too
        many calls are in flight, and InvalidInputError for params that are not a JSON object.
        """
        supervisor = self._running.get(mcp_id)
        if supervisor is None:
            raise DownstreamUnavailableError("This MCP is not running")
        credential = request.credential
        if credential is None and supervisor.mcp.credentials.is_per_user:
            raise CredentialMissingError(
                f"{supervisor.mcp.name} is not reached without the user's credential"
            )
        if supervisor.habits.keeps_sessions is None and _is_learned(supervisor.mcp):
            await supervisor.until_connected(timeout)
        if not _has_own_connection(supervisor, request):
            if credential is not None and not supervisor.lent.is_current(credential):
                supervisor.use_credential(credential)
            return await supervisor.call(request, user_id, timeout)
        # In the modern era each request declares the capabilities of its host, so they need no connection of their own.
        capabilities = b"" if supervisor.era is Era.MODERN else request.capabilities
        key = key_of(mcp_id, user_id, capabilities, credential)
        return await self._users.call(
            supervisor.mcp, key, request, timeout, alone=supervisor.habits.asks and capabilities != b""
        )

    def watch_resource(
        self,
        mcp_id: str,
        uri: str,
        *,
        user_id: str,
        listener: ResourceListener,
        credential: Credential | None = None,
    ) -> Callable[[], None]:
        """Tell the listener of each update of a resource; returns what ends this. Raises OverloadedError."""
        supervisor = self._running.get(mcp_id)
        if supervisor is None:
            return _ignore_end
        if _has_own_connection(supervisor, None):
            return self._users.watch(supervisor.mcp, user_id, uri, listener, credential)
        return supervisor.watches.add(uri, listener, user_id)

    async def close(self) -> None:
        """Stop every downstream at the same time, and their processes with them."""
        for mcp_id, supervisor in self._running.items():
            _ = self._stop(supervisor)
            self._users.stop_entry(mcp_id)
        self._running.clear()
        await asyncio.gather(*self._stopping)

    def _add(self, mcp: Mcp, known: Known, *after: asyncio.Task[None], delay: float = 0.0) -> None:
        supervisor = self._running[mcp.mcp_id] = self._build.of_entry(mcp, known, self._notify_listeners)
        if mcp.credentials.is_listed_by_users:
            await_users(supervisor)
        else:
            supervisor.start(*after, delay=delay)

    def _replace(self, current: Supervisor, mcp: Mcp, probed: ProbeReport) -> None:
        self._users.stop_entry(mcp.mcp_id)
        stopped = self._stop(current)
        self._add(mcp, _known_of(current, mcp, probed, self._eras.era_of(mcp)), stopped)
        self._users.watch_again(mcp)

    def _supervisor_of_user(self, mcp: Mcp, owner: SessionOwner, credential: Credential | None) -> Supervisor:
        entry = self._running[mcp.mcp_id]
        return self._build.of_user(mcp, entry, owner, credential, self._notify_listeners)

    def _notify_listeners(self, change: DownstreamChange) -> None:
        running = self._running.get(change.mcp_id)
        # What the connection of a user has listed is no reason to ask the others: each may be offered something else.
        if change.tools_changed and running is not None and not running.mcp.credentials.is_listed_by_users:
            for _, supervisor in self._users.of_entry(change.mcp_id):
                supervisor.suspect_lists()
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:  # a defect of one listener must take neither a downstream nor the others along
                _log.exception("%s: a listener failed", change.mcp_id)

    def _supervisors(self, mcp_id: str) -> Iterator[tuple[str | None, Supervisor]]:
        supervisor = self._running.get(mcp_id)
        if supervisor is not None:
            yield None, supervisor
            yield from self._users.of_entry(mcp_id)

    def _stop(self, supervisor: Supervisor) -> asyncio.Task[None]:
        self._eras.keep(supervisor.mcp, supervisor.era)
        task = asyncio.get_running_loop().create_task(supervisor.stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        return task


_WORST_FIRST = (BreakerState.OPEN, BreakerState.HALF_OPEN)


def _stopped(removed: Supervisor) -> DownstreamChange:
    return DownstreamChange(
        mcp_id=removed.mcp.mcp_id,
        status=DownstreamStatus.STOPPED,
        error=None,
        tools=removed.state.tools,
        tools_changed=False,
    )


def _first_state(probed: ProbeReport, last_known: tuple[Tool, ...] | None) -> DownstreamState:
    """Return the state of an entry that was not connected to yet."""
    state = with_lists(replace(STARTING, report=probed.report), probed.lists)
    return state if last_known is None else replace(state, tools=last_known)


def _known_of(current: Supervisor, mcp: Mcp, probed: ProbeReport, era: Era | None) -> Known:
    """Return what is known of an entry whose supervisor is replaced."""
    state = replace(current.state, status=DownstreamStatus.STARTING, error=None, report=probed.report)
    return Known(
        state=with_lists(state, probed.lists) if mcp.credentials.is_listed_by_users else state,
        era=era,
        output=current.recent_output(),
        habits=current.habits if current.mcp.has_same_connection(mcp) else _habits_of(mcp),
        watches=current.watches,
        starts_over=probed.lists is None,
    )


def _habits_of(mcp: Mcp) -> Habits:
    """Return what is known of the habits of a downstream that was not connected to yet."""
    try:
        return Habits(keeps_sessions=False if starts_program(mcp.transport) else None)
    except InvalidInputError:
        return Habits(keeps_sessions=False)


def _has_own_connection(supervisor: Supervisor, request: NeutralRequest | None) -> bool:
    """Tell whether a user's requests go over a connection of the user; `request` is None for other use."""
    mcp, habits = supervisor.mcp, supervisor.habits
    if (
        mcp.isolation is Isolation.PER_USER
        or mcp.sessions is Sessions.PER_USER
        or mcp.credentials.is_per_user
    ):
        return True
    if mcp.sessions is Sessions.SHARED:
        return False
    return habits.keeps_sessions or (habits.asks and request is not None and can_be_asked(request))


def _is_learned(mcp: Mcp) -> bool:
    """Tell whether the first connection to an entry shows whether its users can share a session."""
    return mcp.sessions is Sessions.AUTO and not mcp.credentials.is_per_user


def _ignore_end() -> None:
    """End a watch of a downstream that does not run."""
