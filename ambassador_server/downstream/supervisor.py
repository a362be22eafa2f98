"""The life of one downstream: connect, serve, lose, wait, connect again."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ambassador_protocol.backoff import Backoff
from ambassador_server.domain.catalog.mcps import (
    DownstreamActivity,
    DownstreamState,
    DownstreamStatus,
    Mcp,
    Tool,
)
from ambassador_server.downstream.handshake import Era
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.downstream.transport import RejectedError
from ambassador_server.errors import (
    AmbassadorError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
)
from ambassador_server.ports.downstream import DownstreamChange, DownstreamListener, ProgressHandler, Reply

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, and how many calls one downstream may have in flight.

    `connect` covers the start of a program, which may have to be downloaded first. A connection that lasted
    `stable` starts the back-off over. A call may bring an attempt forward when the last one is `early` old.
    """

    connect: float = 60.0
    list_tools: float = 30.0
    first_retry: float = 0.5
    longest_retry: float = 60.0
    early: float = 5.0
    stable: float = 10.0
    refresh: float = 300.0
    relist_gap: float = 1.0
    listen_pause: float = 30.0
    retire: float = 60.0
    in_flight: int = 256


class Supervisor:
    """One entry of the catalog, its connection, and the task that keeps it up."""

    def __init__(
        self,
        mcp: Mcp,
        tools: tuple[Tool, ...],
        *,
        listener: DownstreamListener,
        limits: Limits,
        mask: Callable[[str], str],
        era: Era | None = None,
    ) -> None:
        self.mcp = mcp
        self.state = DownstreamState(status=DownstreamStatus.STARTING, error=None, tools=tools)
        self._listener = listener
        self._limits = limits
        self._mask = mask
        self._reason = "was stopped"
        self._connection: DownstreamSession | None = None
        # Also the one that failed: what it wrote says why.
        self._newest: DownstreamSession | None = None
        self._era = era
        self._era_is_proven = era is not None
        self._backoff = Backoff(limits.first_retry, limits.longest_retry)
        self._failures = 0
        self._delay = 0.0
        self._connected_at = 0.0
        self._attempted_at = 0.0
        self._is_waiting = False
        self._is_hopeless = False
        self._is_stopping = False
        self._wake = asyncio.Event()
        # The outcome of the attempt that runs or comes next: a connection, or None.
        self._outcome = _new_outcome()
        self._attempts = 0
        self._in_flight = 0
        self._retiring: dict[DownstreamSession, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._after: set[asyncio.Task[None]] = set()

    @property
    def era(self) -> Era | None:
        """Return the era that a connection has proven."""
        return self._era if self._era_is_proven else None

    @property
    def activity(self) -> DownstreamActivity:
        """Return what this connection is doing."""
        return DownstreamActivity(
            connections=int(self._connection is not None),
            in_flight=self._in_flight,
            restarts=max(0, self._attempts - 1),
        )

    def start(self, *after: asyncio.Task[None]) -> None:
        """Begin to connect, once the tasks that stop those before it are done."""
        self._after = set(after)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def call(
        self, method: str, params: bytes, timeout: float, progress: ProgressHandler | None = None
    ) -> Reply:
        """Send one request; a downstream that was lost gets one early attempt, if its back-off allows.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError, InvalidInputError.
        """
        if self._in_flight >= self._limits.in_flight:
            raise OverloadedError(f"{self.mcp.name} has {self._in_flight} calls in flight already")
        self._in_flight += 1
        try:
            async with asyncio.timeout(timeout):
                connection = self._connection or await self._next_connection()
                return await connection.request(method, params, progress)
        except TimeoutError:
            raise DownstreamTimeoutError(f"{self.mcp.name}: no answer within {timeout:g} s") from None
        except DownstreamUnavailableError as error:
            raise DownstreamUnavailableError(f"{self.mcp.name}: {error.message}") from error
        finally:
            self._in_flight -= 1

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines of the newest connection that were not MCP, masked."""
        return self._newest.recent_output() if self._newest else ()

    async def stop(self) -> None:
        """End the connection and every process; whoever still waits gets DownstreamUnavailableError."""
        self._is_stopping = True
        retiring = dict(self._retiring)
        tasks = [task for task in (self._task, *retiring.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A task that is cancelled before its first step has closed nothing.
        await asyncio.gather(*(connection.close() for connection in retiring))
        self._lost("was stopped")
        if self._after:
            await asyncio.wait(self._after)

    async def _next_connection(self) -> DownstreamSession:
        if self._is_stopping or (self._is_waiting and not self._may_attempt_now()):
            raise DownstreamUnavailableError(self._reason)
        self._wake.set()
        connection = await asyncio.shield(self._outcome)
        if connection is None:
            raise DownstreamUnavailableError(self._reason)
        return connection

    def _may_attempt_now(self) -> bool:
        age = asyncio.get_running_loop().time() - self._attempted_at
        return not self._is_hopeless and age >= min(self._delay, self._limits.early)

    async def _run(self) -> None:
        if self._after:
            await asyncio.wait(self._after)
        while True:
            try:
                await self._live()
            except Exception:
                # A defect of ours, whatever it is, costs this connection; supervising goes on.
                _log.exception("%s: the connection failed unexpectedly", self.mcp.name)
                self._lost("failed inside this server; its log says more")
            await self._wait()

    async def _live(self) -> None:
        """Connect and serve until the connection is lost, or fail to connect."""
        self._is_waiting = False
        self._attempts += 1
        self._attempted_at = asyncio.get_running_loop().time()
        try:
            connection, tools = await self._connect()
        except AmbassadorError as error:
            # Options that make no sense do not mend themselves.
            self._is_hopeless = isinstance(error, InvalidInputError)
            self._lost(error.message, self._newest.last_words() if self._newest else "")
        else:
            await self._serve(connection, tools)

    async def _connect(self) -> tuple[DownstreamSession, tuple[Tool, ...]]:
        connection = self._newest = DownstreamSession(self.mcp, self._mask)
        try:
            tools = await connection.open(self._era, self._limits.connect)
        except BaseException as error:
            self._doubt_era(error, died=connection.ended.done())
            await connection.close()
            raise
        self._era, self._era_is_proven = connection.era, True
        return connection, tools

    def _doubt_era(self, error: BaseException, *, died: bool) -> None:
        """Keep a proven era through an outage; a program that died of the modern question is asked the legacy way."""
        if not self._era_is_proven or isinstance(error, RejectedError):
            self._era = Era.LEGACY if self._era is None and died else None
            self._era_is_proven = False

    async def _serve(self, connection: DownstreamSession, tools: tuple[Tool, ...]) -> None:
        """Serve calls until the connection ends."""
        self._connection = connection
        self._connected_at = asyncio.get_running_loop().time()
        self._publish(DownstreamStatus.READY, None, tools)
        self._outcome.set_result(connection)
        # At once, not when this task gets its turn: whoever fails with the connection must not meet it again.
        connection.ended.add_done_callback(lambda ended: self._lost_with(connection, ended.result()))
        listening = asyncio.get_running_loop().create_task(connection.listen(self._limits.listen_pause))
        try:
            reason = await self._watch(connection)
        except BaseException:
            await connection.close()
            raise
        finally:
            listening.cancel()
        self._lost_with(connection, reason)
        retiring = asyncio.get_running_loop().create_task(connection.retire(self._limits.retire))
        self._retiring[connection] = retiring
        retiring.add_done_callback(lambda _: self._retiring.pop(connection, None))

    async def _watch(self, connection: DownstreamSession) -> str:
        """Keep the tools up to date until the connection is of no use any more; returns why."""
        while not connection.ended.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.refresh):
                    await connection.changed.wait()
            connection.changed.clear()
            if not connection.ended.done():
                refusal = await self._relist(connection)
                if refusal is not None:
                    return refusal
                # A downstream that announces a change after every list is not listed without pause.
                await asyncio.wait({connection.ended}, timeout=self._limits.relist_gap)
        return connection.ended.result()

    async def _relist(self, connection: DownstreamSession) -> str | None:
        """List the tools again; returns why a new handshake is due, with fresh secrets, or None."""
        try:
            async with asyncio.timeout(self._limits.list_tools):
                tools = await connection.list_tools()
        except TimeoutError:
            # It may be busy with a long call.
            _log.warning("%s: does not list its tools again", self.mcp.name)
        except RejectedError as error:
            return error.message
        except AmbassadorError as error:
            _log.warning("%s: does not list its tools again: %s", self.mcp.name, error.message)
        else:
            self._publish(DownstreamStatus.READY, None, tools)
        return None

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._is_hopeless else self._delay):
                await self._wake.wait()

    def _lost_with(self, connection: DownstreamSession, reason: str) -> None:
        if self._connection is connection:
            self._lost(reason, connection.last_words())

    def _lost(self, reason: str, last_words: str = "") -> None:
        """Go without a connection; callers are told the reason, administrators also the last words."""
        self._reason = reason
        if self._connection and asyncio.get_running_loop().time() - self._connected_at >= self._limits.stable:
            self._failures = 0
        self._connection = None
        self._failures += 1
        self._delay = self._backoff.after(self._failures)
        self._is_waiting = True
        self._wake.clear()
        error = f"{reason}: {last_words}" if last_words else reason
        self._publish(DownstreamStatus.DEGRADED, error, self.state.tools)
        if not self._outcome.done():
            self._outcome.set_result(None)
        self._outcome = _new_outcome()

    def _publish(self, status: DownstreamStatus, error: str | None, tools: tuple[Tool, ...]) -> None:
        tools_changed = tools != self.state.tools
        if self._is_stopping or (
            not tools_changed and (status, error) == (self.state.status, self.state.error)
        ):
            return
        if not tools_changed:
            # The same list of a hundred connections is kept once.
            tools = self.state.tools
        self.state = DownstreamState(status=status, error=error, tools=tools)
        _log.info(
            "%s: %s, %d tools%s", self.mcp.name, status.value, len(tools), f": {error}" if error else ""
        )
        change = DownstreamChange(
            mcp_id=self.mcp.mcp_id, status=status, error=error, tools=tools, tools_changed=tools_changed
        )
        self._listener(change)


def _new_outcome() -> asyncio.Future[DownstreamSession | None]:
    return asyncio.get_running_loop().create_future()
