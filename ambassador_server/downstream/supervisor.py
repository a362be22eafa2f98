"""Keeps one downstream connected: opens a session, serves calls, and opens the next one when it is lost."""

import asyncio
import logging
from dataclasses import dataclass, field, replace

from ambassador_protocol.admin.mcps import LONGEST_CONNECT_SECONDS
from ambassador_protocol.backoff import Backoff
from ambassador_server.domain.catalog.mcps import DownstreamActivity, DownstreamState, Mcp
from ambassador_server.downstream.breaker import Breaker
from ambassador_server.downstream.deadline import Deadline
from ambassador_server.downstream.era import Era
from ambassador_server.downstream.features.calls_in_flight import can_be_asked
from ambassador_server.downstream.features.session_lists import Lists
from ambassador_server.downstream.features.watches import ResourceWatches
from ambassador_server.downstream.lent_credential import LentCredential, OwnCredentials
from ambassador_server.downstream.list_refresh import keep_lists
from ambassador_server.downstream.liveness import Liveness
from ambassador_server.downstream.probes import with_last_line
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.proven_era import ProvenEra
from ambassador_server.downstream.published_state import PublishedState
from ambassador_server.downstream.retiring import RetiringSessions
from ambassador_server.downstream.session import DownstreamSession, SessionOwner
from ambassador_server.downstream.session_slot import SessionSlot, named_alike
from ambassador_server.downstream.transport import RejectedError
from ambassador_server.errors import (
    AmbassadorError,
    CredentialRefusedError,
    DownstreamTimeoutError,
    DownstreamUnavailableError,
    InvalidInputError,
    OverloadedError,
)
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.downstream import DownstreamListener
from ambassador_server.ports.exchange import NeutralRequest, Reply

_LISTENING_SECONDS = 1.0
"""How long a new session waits for the stream of its questions before it serves calls."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds, and how many calls one downstream may have in flight.

    `connect` covers the start of a program, which may have to be downloaded first. A session that lasted `stable`
    resets the back-off. A call may bring an attempt forward when the last one is `early` old. After `timeouts` calls or
    pings in a row without an answer a session counts as hung; one that is silent for `heartbeat` gets a ping, which may
    take `ping`. After `failures` in a row the breaker opens. What was last known is withdrawn after `grace`, if set.
    """

    connect: float = LONGEST_CONNECT_SECONDS
    list_tools: float = 30.0
    first_retry: float = 0.5
    longest_retry: float = 60.0
    early: float = 5.0
    stable: float = 10.0
    refresh: float = 300.0
    relist_gap: float = 1.0
    listen_pause: float = 30.0
    retire: float = 60.0
    timeouts: int = 3
    heartbeat: float = 30.0
    ping: float = 10.0
    failures: int = 5
    grace: float | None = None

    def of(self, mcp: Mcp) -> "Limits":
        """Return the limits of one entry, which may have some of its own."""
        return replace(
            self,
            failures=mcp.breaker_failures or self.failures,
            grace=mcp.grace_seconds or self.grace,
        )


@dataclass(slots=True, kw_only=True)
class Habits:
    """What was learned of one downstream: whether it keeps sessions, and asks questions that name no call.

    `keeps_sessions` is None while that is not known.
    """

    keeps_sessions: bool | None = None
    asks: bool = False

    def learn_asking(self) -> None:
        """Note that the downstream asks questions that name no call."""
        self.asks = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a downstream before its supervisor starts: its state, proven era, and last output.

    `habits` are shared by all supervisors of an entry. `watches` outlive a supervisor that is replaced. With
    `starts_over` what the first user's connection lists takes the place of what is known.
    """

    state: DownstreamState
    era: Era | None = None
    output: tuple[str, ...] = ()
    habits: Habits = field(default_factory=Habits)
    watches: ResourceWatches = field(default_factory=ResourceWatches)
    starts_over: bool = False


class Supervisor:
    """The life cycle of one downstream: a task that opens one session after the other, until `stop`."""

    def __init__(
        self,
        mcp: Mcp,
        known: Known,
        *,
        listener: DownstreamListener,
        limits: Limits,
        lent: LentCredential,
        programs: ProgramSettings,
        owner: SessionOwner | None = None,
        own: OwnCredentials | None = None,
    ) -> None:
        self.mcp, self.lent = mcp, lent
        self.habits, self.watches = known.habits, known.watches
        self._limits_of_server = limits
        self._limits = limits = limits.of(mcp)
        self.published = PublishedState(known.state, listener, limits.grace, starts_over=known.starts_over)
        self._breaker = Breaker(limits.failures, lambda state: self.published.breaker(self.mcp, state))
        self._liveness = Liveness(limits, self._breaker, self._lost)
        self._programs, self._owner, self._own = programs, owner, own
        backoff = Backoff(limits.first_retry, limits.longest_retry)
        self._slot = SessionSlot(backoff, self._breaker, early=limits.early, stable=limits.stable)
        # Also the session that failed: its output says why.
        self._newest: DownstreamSession | None = None
        self._earlier_output = known.output
        self._retiring = RetiringSessions(limits.retire)
        self._era = ProvenEra(known.era)
        self._attempts = self.in_flight = 0
        self._is_retiring = False
        self._task: asyncio.Task[None] | None = None
        self._after: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> DownstreamState:
        """Return the state of this downstream."""
        return self.published.value

    @property
    def era(self) -> Era | None:
        """Return the era that a session has proven."""
        return self._era.proven

    @property
    def activity(self) -> DownstreamActivity:
        """Return how many sessions, calls in flight and restarts this downstream has."""
        return DownstreamActivity(
            breaker=self._slot.breaker_state,
            next_probe_at=self._slot.next_probe_at,
            connections=int(self._slot.session is not None),
            in_flight=self.in_flight,
            restarts=max(0, self._attempts - 1),
        )

    def start(self, *after: asyncio.Task[None], delay: float = 0.0) -> None:
        """Begin to connect after `delay` seconds, once the tasks that stop earlier supervisors are done."""
        self._after = set(after)
        self._task = asyncio.get_running_loop().create_task(self._run(delay))

    async def call(self, request: NeutralRequest, user_id: str, timeout: float) -> Reply:
        """Send one request of a user; `timeout` in seconds also covers the wait for a session, but not for the host.

        Raises DownstreamUnavailableError, DownstreamTimeoutError, OverloadedError, InvalidInputError.
        """
        if self.in_flight >= self.mcp.max_in_flight:
            raise OverloadedError(f"{self.mcp.name} has {self.in_flight} calls in flight already")
        self.in_flight += 1
        session, heard = self._slot.session, 0
        deadline: asyncio.Timeout | Deadline = asyncio.timeout(timeout)
        if can_be_asked(request):
            deadline = Deadline(timeout, self)
            request = deadline.stopped_by_questions(request)
        try:
            async with deadline:
                session = session or await self._slot.next_session()
                heard = session.notifications
                reply = await session.request(request, user_id)
                self._liveness.answers += 1
                return reply
        except TimeoutError:
            if session is not None and session.notifications == heard and session is self._slot.session:
                self._liveness.timed_out(session, early=timeout < self.mcp.call_timeout_seconds)
            raise DownstreamTimeoutError(f"{self.mcp.name}: no answer within {timeout:g} s") from None
        except DownstreamUnavailableError as error:
            raise self._named(error) from error
        finally:
            self.in_flight -= 1

    async def until_connected(self, timeout: float) -> None:
        """Wait for a session; raises DownstreamUnavailableError, and DownstreamTimeoutError after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                _ = self._slot.session or await self._slot.next_session()
        except TimeoutError:
            raise DownstreamTimeoutError(f"{self.mcp.name}: no answer within {timeout:g} s") from None
        except DownstreamUnavailableError as error:
            raise self._named(error) from error

    def use(self, mcp: Mcp) -> None:
        """Take an entry with the same connection in place of the one so far, with its limits from now on."""
        self.mcp, self._limits = mcp, self._limits_of_server.of(mcp)
        self._breaker.threshold = self._limits.failures
        self.published.use_grace(mcp, self._limits.grace)

    def use_credential(self, credential: Credential) -> None:
        """Use other values from now on, in a new program if they need one; raises DownstreamUnavailableError."""
        session = self._slot.session
        if not self.lent.replace(credential) and session is not None:
            self._lost(session, "its credential was replaced", counts=False)
        self._slot.hurry()

    def retire(self) -> None:
        """Open no session any more, because the credential is not valid; calls in flight go on until `stop`."""
        self._is_retiring = True

    def suspect_lists(self) -> None:
        """Read the lists again, because another connection has found a change."""
        if self._slot.session is not None:
            self._slot.session.suspect_all_lists()

    def recent_output(self) -> tuple[str, ...]:
        """Return the last lines besides MCP, masked: of the last earlier session that wrote any, and of the newest."""
        return self._earlier_output + (self._newest.recent_output() if self._newest else ())

    async def stop(self) -> None:
        """End every session and process; calls that still wait get DownstreamUnavailableError."""
        self.published.close()
        self._liveness.close()
        self._slot.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._retiring.close()
        self._slot.end("was stopped")
        if self._after:
            await asyncio.wait(self._after)

    async def _run(self, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        if self._after:
            await asyncio.wait(self._after)
        while True:
            try:
                await self._connect_and_serve()
            except Exception:
                # A defect in this server ends the session, but not the supervision.
                _log.exception("%s: the connection failed unexpectedly", self.mcp.name)
                self._degrade("failed inside this server; its log says more")
            if self._is_retiring:
                self._slot.end("was stopped, because its credential is not valid any more")
                return
            await self._slot.wait_for_attempt()

    async def _connect_and_serve(self) -> None:
        """Open a session and serve until it ends, or fail to open one."""
        self._slot.begin_attempt()
        self._attempts += 1
        try:
            session, lists = await self._connect()
        except AmbassadorError as error:
            error_line = self._newest.last_error_line() if self._newest else ""
            self._degrade(error, error_line)
        else:
            await self._serve(session, lists)

    async def _connect(self) -> tuple[DownstreamSession, Lists]:
        if self._newest is not None:
            # The output of a crash must not be gone as soon as the next process runs.
            self._earlier_output = self._newest.recent_output() or self._earlier_output
        if self._own is not None:
            await self._own.renew(self.mcp, self.lent)
        session = self._newest = DownstreamSession(
            self.mcp,
            self.lent,
            self._programs,
            owner=self._owner,
            watches=self.watches,
            ambiguous=self.habits.learn_asking,
        )
        try:
            lists = await session.open(self._era.next, self._limits.connect)
        except BaseException as error:
            self._era.failed(error, exited=session.ended.done())
            await session.close()
            if self._own is not None:
                await self._own.failed(self.mcp, self.lent.current, error)
            raise
        self._era.prove(session.era)
        self.habits.keeps_sessions = session.keeps_sessions
        return session, lists

    async def _serve(self, session: DownstreamSession, lists: Lists) -> None:
        """Serve calls until the session ends."""
        self._liveness.begin()
        loop = asyncio.get_running_loop()
        listening = loop.create_task(session.listen(self._limits.listen_pause))
        beating = loop.create_task(self._liveness.beat(session))
        try:
            await session.until_listening(_LISTENING_SECONDS)
            self._slot.fill(session)
            self.published.ready(self.mcp, lists, session.report)
            # At once, not when this task runs next: a caller whose request failed must not be given this session again.
            session.ended.add_done_callback(lambda ended: self._lost(session, ended.result()))
            await self._keep_lists(session)
        except BaseException:
            await session.close()
            raise
        finally:
            listening.cancel()
            beating.cancel()
        self._retiring.add(session)

    async def _keep_lists(self, session: DownstreamSession) -> None:
        try:
            await keep_lists(
                session,
                self.mcp.name,
                self._limits,
                is_used=lambda: self._slot.session is session,
                publish=lambda lists: self.published.ready(self.mcp, lists, session.report),
            )
        except RejectedError as error:
            self._lost(session, error)

    def _lost(self, session: DownstreamSession, why: str | AmbassadorError, *, counts: bool = True) -> None:
        if self._slot.session is session:
            self._degrade(why, session.last_error_line(), counts=counts)
            session.changed.set()

    def _degrade(self, why: str | AmbassadorError, error_line: str = "", *, counts: bool = True) -> None:
        """Go without a session; callers get the reason, administrators also the last line on stderr.

        The breaker stays as it is unless it `counts`; a refused credential is an answer.
        """
        error = why if isinstance(why, DownstreamUnavailableError) else DownstreamUnavailableError(str(why))
        reason = self.lent.hide(error.message)
        # Wrong options stay wrong until an administrator changes them.
        is_final = isinstance(why, InvalidInputError)
        self._slot.clear(named_alike(error, reason), is_final=is_final)
        self.published.degraded(self.mcp, with_last_line(reason, error_line))
        if isinstance(error, CredentialRefusedError):
            self._breaker.connected()  # it has answered
        elif counts and not is_final:
            self._breaker.failed(self._liveness.answers)

    def _named(self, error: DownstreamUnavailableError) -> DownstreamUnavailableError:
        return named_alike(error, f"{self.mcp.name}: {self.lent.hide(error.message)}")
