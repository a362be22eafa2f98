"""Keeps one downstream connected: opens a session, serves calls, and opens the next one when it is lost."""

import asyncio
import logging
from dataclasses import dataclass, field

from ambassador_protocol.admin.mcps import LONGEST_CONNECT_SECONDS
from ambassador_protocol.backoff import Backoff
from ambassador_server.domain.catalog.mcps import DownstreamActivity, DownstreamState, Mcp
from ambassador_server.downstream.deadline import Deadline
from ambassador_server.downstream.era import Era
from ambassador_server.downstream.features.calls_in_flight import can_be_asked
from ambassador_server.downstream.features.session_lists import Lists
from ambassador_server.downstream.features.watches import ResourceWatches
from ambassador_server.downstream.lent_credential import LentCredential, OwnCredentials
from ambassador_server.downstream.probes import with_last_line
from ambassador_server.downstream.programs.settings import ProgramSettings
from ambassador_server.downstream.proven_era import ProvenEra
from ambassador_server.downstream.published_state import PublishedState
from ambassador_server.downstream.session import DownstreamSession, SessionOwner
from ambassador_server.downstream.session_slot import SessionSlot, named_alike
from ambassador_server.downstream.transport import RejectedError
from ambassador_server.errors import (
    AmbassadorError,
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
    resets the back-off. A call may bring an attempt forward when the last one is `early` old. After `timeouts` calls in
    a row without an answer a session counts as hung.
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
    in_flight: int = 256
    timeouts: int = 3


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
        self.published = PublishedState(known.state, listener, starts_over=known.starts_over)
        self._limits = limits
        self._programs, self._owner, self._own = programs, owner, own
        self._slot = SessionSlot(
            Backoff(limits.first_retry, limits.longest_retry), early=limits.early, stable=limits.stable
        )
        # Also the session that failed: its output says why.
        self._newest: DownstreamSession | None = None
        self._earlier_output = known.output
        self._retiring: dict[DownstreamSession, asyncio.Task[None]] = {}
        self._era = ProvenEra(known.era)
        self._attempts = self._timeouts = self.in_flight = 0
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
        if self.in_flight >= self._limits.in_flight:
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
                self._timeouts = 0
                return reply
        except TimeoutError:
            if session is not None and session.notifications == heard:
                self._count_timeout(session)
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

    def use_credential(self, credential: Credential) -> None:
        """Use other values from now on, in a new program if they need one; raises DownstreamUnavailableError."""
        session = self._slot.session
        if not self.lent.replace(credential) and session is not None:
            self._handle_loss(session, "its credential was replaced")
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
        self._slot.stop()
        retiring = dict(self._retiring)
        tasks = [task for task in (self._task, *retiring.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A task that is cancelled before its first step has closed nothing.
        await asyncio.gather(*(session.close() for session in retiring))
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
            # Wrong options stay wrong until an administrator changes them.
            self._degrade(error, error_line, is_final=isinstance(error, InvalidInputError))
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

    def _count_timeout(self, session: DownstreamSession) -> None:
        """Give up a session that has answered none of the last calls; those in flight are not repeated."""
        if session is not self._slot.session:
            return
        self._timeouts += 1
        if self._timeouts >= self._limits.timeouts:
            self._handle_loss(session, f"answered none of the last {self._timeouts} calls in time")

    async def _serve(self, session: DownstreamSession, lists: Lists) -> None:
        """Serve calls until the session ends."""
        self._timeouts = 0
        listening = asyncio.get_running_loop().create_task(session.listen(self._limits.listen_pause))
        try:
            await session.until_listening(_LISTENING_SECONDS)
            self._slot.fill(session)
            self.published.ready(self.mcp, lists, session.report)
            # At once, not when this task runs next: a caller whose request failed must not be given this session again.
            session.ended.add_done_callback(lambda ended: self._handle_loss(session, ended.result()))
            await self._watch(session)
        except BaseException:
            await session.close()
            raise
        finally:
            listening.cancel()
        retiring = asyncio.get_running_loop().create_task(session.retire(self._limits.retire))
        self._retiring[session] = retiring
        retiring.add_done_callback(lambda _: self._retiring.pop(session, None))

    async def _watch(self, session: DownstreamSession) -> None:
        """Keep the lists up to date until the session is not used any more."""
        while self._slot.session is session:
            try:
                async with asyncio.timeout(self._limits.refresh):
                    await session.changed.wait()
            except TimeoutError:
                session.suspect_all_lists()
            session.changed.clear()
            if self._slot.session is session:
                try:
                    lists = await _list_again(session, self.mcp.name, self._limits.list_tools)
                except RejectedError as error:
                    # A new handshake is due, with fresh secrets.
                    self._handle_loss(session, error)
                    return
                if lists is not None and self._slot.session is session:
                    self.published.ready(self.mcp, lists, session.report)
                # A downstream that announces a change after every list is not listed without pause.
                await asyncio.wait({session.ended}, timeout=self._limits.relist_gap)

    def _handle_loss(self, session: DownstreamSession, why: str | AmbassadorError) -> None:
        if self._slot.session is session:
            self._degrade(why, session.last_error_line())
            session.changed.set()

    def _degrade(self, why: str | AmbassadorError, error_line: str = "", *, is_final: bool = False) -> None:
        """Go without a session; callers get the reason, administrators also the last line on stderr."""
        error = why if isinstance(why, DownstreamUnavailableError) else DownstreamUnavailableError(str(why))
        reason = self.lent.hide(error.message)
        self._slot.clear(named_alike(error, reason), is_final=is_final)
        self.published.degraded(self.mcp, with_last_line(reason, error_line))

    def _named(self, error: DownstreamUnavailableError) -> DownstreamUnavailableError:
        return named_alike(error, f"{self.mcp.name}: {self.lent.hide(error.message)}")


async def _list_again(session: DownstreamSession, name: str, seconds: float) -> Lists | None:
    """Return the lists that changed; None after a warning. Raises RejectedError for a refusal."""
    try:
        return await session.read_changed_lists(seconds)
    except TimeoutError:
        # It may be busy with a long call.
        _log.warning("%s: does not list again what it offers", name)
    except RejectedError:
        raise
    except AmbassadorError as error:
        _log.warning("%s: does not list again what it offers: %s", name, error.message)
    return None
