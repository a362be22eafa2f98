"""Finds out whether a connected downstream still answers: by calls that time out, and by pings while it is silent."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ambassador_server.downstream.breaker import Breaker
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.downstream.transport import RejectedError
from ambassador_server.errors import AmbassadorError


class LivenessLimits(Protocol):
    """Times in seconds, and how many calls or pings in a row may have no answer."""

    @property
    def heartbeat(self) -> float:
        """Return how long a downstream may be silent before it is asked; 0 asks never."""
        ...

    @property
    def ping(self) -> float:
        """Return how long the answer to a ping may take."""
        ...

    @property
    def timeouts(self) -> int:
        """Return how many calls or pings in a row may have no answer."""
        ...


class Liveness:
    """Counts the answers of one downstream, and gives up a session that gives none.

    `lost` takes a session that does not answer and the reason.
    """

    def __init__(
        self, limits: LivenessLimits, breaker: Breaker, lost: Callable[[DownstreamSession, str], None]
    ) -> None:
        self.answers = 0
        """How many calls and pings were answered, also with an error."""
        self._limits = limits
        self._breaker = breaker
        self._lost = lost
        self._timeouts = self._answers_before = 0
        self._checks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """Begin with a new session."""
        self._timeouts = 0

    def timed_out(self, session: DownstreamSession, *, early: bool) -> None:
        """Count a call without an answer or any other message; too many in a row give the session up.

        One that ended `early`, at a deadline of its own tool, says nothing of the session, which other calls use.
        """
        if early:
            return
        if self.answers != self._answers_before:
            self._answers_before, self._timeouts = self.answers, 0
        self._timeouts += 1
        if self._timeouts == self._limits.timeouts:
            task = asyncio.get_running_loop().create_task(self._check(session, self._timeouts))
            self._checks.add(task)
            task.add_done_callback(self._checks.discard)

    async def beat(self, session: DownstreamSession) -> None:
        """Ping the downstream whenever it has been silent for long, until it does not answer or this is cancelled.

        One that works on a call may be unable to answer anything else meanwhile.
        """
        if not self._limits.heartbeat:
            return
        missed = 0
        while not session.ended.done():
            if not missed:
                heard = self.answers, session.notifications
                await asyncio.sleep(self._limits.heartbeat)
                if heard != (self.answers, session.notifications):
                    continue
            if not session.idle.is_set():
                missed = 0
                await asyncio.sleep(self._limits.heartbeat)
                continue
            answered = await _is_answering(session, self._limits.ping)
            if answered or not session.idle.is_set():
                self.answers += answered
                missed = 0
                continue
            missed += 1
            if missed >= self._limits.timeouts:
                self._breaker.failed(self.answers, times=missed)
                self._lost(session, f"answered none of the last {missed} pings")
                return

    def close(self) -> None:
        """End the checks that run."""
        for task in self._checks:
            task.cancel()

    async def _check(self, session: DownstreamSession, timeouts: int) -> None:
        """Give a session up; only if the downstream does not even answer a ping, this counts as failures of it."""
        answers = self.answers
        is_alive = await _is_answering(session, self._limits.ping)
        if self.answers != answers:
            return
        if is_alive:
            self.answers += 1
        else:
            self._breaker.failed(answers, times=timeouts)
        self._lost(session, f"answered none of the last {timeouts} calls in time")


async def _is_answering(session: DownstreamSession, seconds: float) -> bool:
    """Tell whether a ping is answered within so many seconds; an error is an answer, too."""
    try:
        async with asyncio.timeout(seconds):
            _ = await session.ping()
    except RejectedError:
        return True
    except (TimeoutError, AmbassadorError):
        return False
    return True
