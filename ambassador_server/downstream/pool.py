"""Every downstream of the catalog; serves the port that the rules call through."""

import asyncio
from collections.abc import Callable, Iterable

from ambassador_server.domain.catalog import DownstreamState, DownstreamStatus, Mcp, Tool
from ambassador_server.downstream.client import Connection
from ambassador_server.downstream.supervisor import Limits, Supervisor
from ambassador_server.downstream.transports import check_options
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener, Reply

_STOPPED = DownstreamState(status=DownstreamStatus.STOPPED, error=None, tools=())


class DownstreamPool:
    """One supervisor per entry, so that no downstream waits for another; needs a running event loop.

    `mask` hides secrets in what a downstream wrote before a person sees it.
    """

    def __init__(
        self,
        listener: DownstreamListener,
        *,
        limits: Limits | None = None,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._listener = listener
        self._limits = limits or Limits()
        self._mask = mask
        self._running: dict[str, Supervisor] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        # An entry is probed just before it is published, so its tools are known before it has started.
        self._probed: dict[str, tuple[Tool, ...]] = {}

    def apply(self, mcps: Iterable[Mcp], last_known: dict[str, tuple[Tool, ...]] | None = None) -> None:
        """Reconcile with these entries without waiting; only transport and options make a restart."""
        wanted = {mcp.mcp_id: mcp for mcp in mcps}
        for mcp_id in self._running.keys() - wanted.keys():
            gone = self._running.pop(mcp_id)
            _ = self._dismiss(gone)
            self._listener(
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
                self._start(mcp, (last_known or {}).get(mcp_id, probed), None)
            elif _reaches_the_same(current.mcp, mcp):
                current.mcp = mcp
            else:
                self._start(mcp, current.state.tools, self._dismiss(current))

    def state(self, mcp_id: str) -> DownstreamState:
        """Return what is known of a downstream; one that is not here is `stopped`."""
        supervisor = self._running.get(mcp_id)
        return _STOPPED if supervisor is None else supervisor.state

    def recent_output(self, mcp_id: str) -> tuple[str, ...]:
        """Return the last lines a downstream wrote that were not MCP, oldest first, masked."""
        supervisor = self._running.get(mcp_id)
        return () if supervisor is None else supervisor.recent_output()

    def check(self, mcp: Mcp) -> None:
        """Raise InvalidInputError when the transport is unknown or its options make no sense."""
        check_options(mcp.transport, mcp.options)

    async def probe(self, mcp: Mcp) -> tuple[Tool, ...]:
        """Connect to an entry apart from the running ones, list its tools, disconnect.

        Raises InvalidInputError for options that make no sense, DownstreamUnavailableError, DownstreamTimeoutError.
        """
        connection = Connection(mcp, self._mask)
        try:
            tools = await connection.open(None, self._limits.connect)
        except DownstreamTimeoutError as error:
            raise DownstreamTimeoutError(f"{mcp.name}: {error.message}") from error
        except DownstreamUnavailableError as error:
            words = connection.last_words()
            message = f"{mcp.name}: {error.message}" + (f": {words}" if words else "")
            raise DownstreamUnavailableError(message) from error
        finally:
            await connection.close()
        self._probed[mcp.mcp_id] = tools
        return tools

    async def call(self, mcp_id: str, method: str, params: bytes, *, timeout: float) -> Reply:
        """Send one request and return the answer; cancelling the caller cancels the call downstream.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError when too many calls are in
        flight, and InvalidInputError for params that are no JSON object.
        """
        supervisor = self._running.get(mcp_id)
        if supervisor is None:
            raise DownstreamUnavailableError("This MCP is not running")
        return await supervisor.call(method, params, timeout)

    async def close(self) -> None:
        """Stop every downstream at the same time and leave no process behind."""
        for supervisor in self._running.values():
            _ = self._dismiss(supervisor)
        self._running.clear()
        await asyncio.gather(*self._leaving)

    def _start(self, mcp: Mcp, tools: tuple[Tool, ...], after: asyncio.Task[None] | None) -> None:
        supervisor = Supervisor(mcp, tools, listener=self._listener, limits=self._limits, mask=self._mask)
        self._running[mcp.mcp_id] = supervisor
        supervisor.start(after)

    def _dismiss(self, supervisor: Supervisor) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(supervisor.stop())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return task


def _reaches_the_same(one: Mcp, other: Mcp) -> bool:
    return one.transport == other.transport and dict(one.options) == dict(other.options)
