"""Every downstream of the catalog; serves the port that the rules call through."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from ambassador_server.domain.catalog.mcps import (
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Isolation,
    Mcp,
    OutputLine,
    Tool,
)
from ambassador_server.downstream.per_user import UserConnections, UserLimits
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.downstream.supervisor import Limits, Supervisor
from ambassador_server.downstream.transports import check_options
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener, ProgressHandler, Reply

_log = logging.getLogger(__name__)
_STOPPED = DownstreamState(status=DownstreamStatus.STOPPED, error=None, tools=())


class DownstreamPool:
    """One supervisor per entry, so that no downstream waits for another; needs a running event loop.

    Where users do not share a connection, that supervisor keeps up one which carries no call: its state and its tools
    are those of the entry, so that an outage and a new tool are noticed whether or not anybody calls. Calls go over
    the users' own connections, whose outages are theirs alone.

    `mask` hides secrets in what a downstream wrote before a person sees it.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        user_limits: UserLimits | None = None,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._listeners: list[DownstreamListener] = []
        self._limits = limits or Limits()
        self._mask = mask
        self._running: dict[str, Supervisor] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        # An entry is probed just before it is published, so its tools are known before it has started.
        self._probed: dict[str, tuple[Tool, ...]] = {}
        self._users = UserConnections(
            user_limits or UserLimits(), build=self._supervisor_of_user, dismiss=self._dismiss
        )

    def subscribe(self, listener: DownstreamListener) -> None:
        """Call the listener, in the event loop, after every change of a downstream."""
        self._listeners.append(listener)

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Reconcile with these entries without waiting; only transport, options and isolation make a restart."""
        wanted = {mcp.mcp_id: mcp for mcp in mcps}
        for mcp_id in self._running.keys() - wanted.keys():
            gone = self._running.pop(mcp_id)
            _ = self._dismiss(gone)
            self._users.stop_entry(mcp_id)
            self._tell(
                DownstreamChange(
                    mcp_id=mcp_id,
                    status=DownstreamStatus.STOPPED,
                    error=None,
                    tools=gone.state.tools,
                    tools_changed=False,
                )
            )
        for mcp_id, mcp in wanted.items():
            current = self._running.get(mcp_id)
            if current is None:
                probed = self._probed.pop(mcp_id, ())
                self._start(mcp, (last_known or {}).get(mcp_id, probed))
            elif _reaches_the_same(current.mcp, mcp):
                current.mcp = mcp
                for _, supervisor in self._users.of(mcp_id):
                    supervisor.mcp = mcp
            else:
                self._replace(current, mcp)

    def state(self, mcp_id: str) -> DownstreamState:
        """Return what is known of a downstream; one that is not here is `stopped`."""
        supervisor = self._running.get(mcp_id)
        return _STOPPED if supervisor is None else supervisor.state

    def activity(self, mcp_id: str) -> DownstreamActivity:
        """Return what the connections to a downstream are doing, those of its users included."""
        all_of_them = [supervisor.activity for _, supervisor in self._connections(mcp_id)]
        return DownstreamActivity(
            connections=sum(each.connections for each in all_of_them),
            in_flight=sum(each.in_flight for each in all_of_them),
            restarts=sum(each.restarts for each in all_of_them),
        )

    def recent_output(self, mcp_id: str) -> tuple[OutputLine, ...]:
        """Return the last lines of every connection to a downstream that were not MCP, masked."""
        return tuple(
            OutputLine(user_id, line)
            for user_id, supervisor in self._connections(mcp_id)
            for line in supervisor.recent_output()
        )

    def restart(self, mcp_id: str) -> None:
        """Stop every connection to a downstream and connect again; the users' own wait for their next call."""
        current = self._running.get(mcp_id)
        if current is not None:
            self._replace(current, current.mcp)

    def retain_users(self, wanted: Callable[[str], bool]) -> None:
        """Stop the connections of every user for whose id this is false."""
        self._users.retain(wanted)

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or its options make no sense."""
        check_options(mcp.transport, mcp.options)

    async def probe(self, mcp: Mcp) -> tuple[Tool, ...]:
        """Connect to an entry apart from the running ones, list its tools, disconnect.

        Raises InvalidInputError for options that make no sense, DownstreamUnavailableError, DownstreamTimeoutError.
        """
        session = DownstreamSession(mcp, self._mask)
        try:
            tools = await session.open(None, self._limits.connect)
        except DownstreamTimeoutError as error:
            raise DownstreamTimeoutError(f"{mcp.name}: {error.message}") from error
        except DownstreamUnavailableError as error:
            words = session.last_words()
            message = f"{mcp.name}: {error.message}" + (f": {words}" if words else "")
            raise DownstreamUnavailableError(message) from error
        finally:
            await session.close()
        self._probed[mcp.mcp_id] = tools
        return tools

    async def call(
        self,
        mcp_id: str,
        method: str,
        params: bytes,
        *,
        user_id: str,
        timeout: float,
        progress: ProgressHandler | None = None,
    ) -> Reply:
        """Send one request and return the answer; cancelling the caller cancels the call downstream.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError when too many calls are in
        running, and InvalidInputError for params that are no JSON object.
        """
        supervisor = self._running.get(mcp_id)
        if supervisor is None:
            raise DownstreamUnavailableError("This MCP is not running")
        if supervisor.mcp.isolation is Isolation.PER_USER:
            return await self._users.call(supervisor.mcp, user_id, method, params, timeout, progress)
        return await supervisor.call(method, params, timeout, progress)

    async def close(self) -> None:
        """Stop every downstream at the same time and leave no process behind."""
        for mcp_id, supervisor in self._running.items():
            _ = self._dismiss(supervisor)
            self._users.stop_entry(mcp_id)
        self._running.clear()
        await asyncio.gather(*self._leaving)

    def _start(self, mcp: Mcp, tools: tuple[Tool, ...], *after: asyncio.Task[None]) -> None:
        supervisor = Supervisor(mcp, tools, listener=self._tell, limits=self._limits, mask=self._mask)
        self._running[mcp.mcp_id] = supervisor
        supervisor.start(*after)

    def _replace(self, current: Supervisor, mcp: Mcp) -> None:
        self._users.stop_entry(mcp.mcp_id)
        self._start(mcp, current.state.tools, self._dismiss(current))

    def _supervisor_of_user(self, mcp: Mcp) -> Supervisor:
        entry = self._running[mcp.mcp_id]
        return Supervisor(
            mcp, entry.state.tools, listener=_nobody, limits=self._limits, mask=self._mask, era=entry.era
        )

    def _tell(self, change: DownstreamChange) -> None:
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:  # a defect of one listener must take neither a downstream nor the others along
                _log.exception("%s: a listener failed", change.mcp_id)

    def _connections(self, mcp_id: str) -> Iterator[tuple[str | None, Supervisor]]:
        supervisor = self._running.get(mcp_id)
        if supervisor is not None:
            yield None, supervisor
            if supervisor.mcp.isolation is Isolation.PER_USER:
                yield from self._users.of(mcp_id)

    def _dismiss(self, supervisor: Supervisor) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(supervisor.stop())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task


def _reaches_the_same(one: Mcp, other: Mcp) -> bool:
    return (one.transport, one.isolation, dict(one.options)) == (
        other.transport,
        other.isolation,
        dict(other.options),
    )


def _nobody(_: DownstreamChange) -> None:
    """Listen for the users' own connections: what becomes of them is no news of the entry."""
