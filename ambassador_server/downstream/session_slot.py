"""Holds the session that calls use now, and makes calls wait for the next one."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from ambassador_protocol.backoff import Backoff
from ambassador_server.domain.catalog.mcps import BreakerState
from ambassador_server.downstream.breaker import Breaker
from ambassador_server.downstream.session import DownstreamSession
from ambassador_server.errors import CredentialRefusedError, DownstreamUnavailableError


class SessionSlot:
    """The current session of one downstream, and when the next attempt to open one may start.

    An attempt begins with `begin_attempt` and ends with `fill` or `clear`. Between attempts a back-off runs; a call
    may end it early once the last attempt is `early` seconds old. A session that lasted `stable` seconds resets the
    back-off. While the breaker is open no call waits for an attempt: each is a probe.
    """

    def __init__(self, backoff: Backoff, breaker: Breaker, *, early: float, stable: float) -> None:
        self.session: DownstreamSession | None = None
        self._backoff = backoff
        self._breaker = breaker
        self._early = early
        self._stable = stable
        self._loop = asyncio.get_running_loop()
        self._error = DownstreamUnavailableError("was stopped")
        self._failures = 0
        self._delay = 0.0
        self._filled_at = 0.0
        self._attempted_at = self._next_at = 0.0
        self._is_between_attempts = False
        self._is_final = False
        self._is_stopped = False
        self._retry_now = asyncio.Event()
        # The outcome of the attempt that runs or comes next: a session, or None.
        self._outcome = self._new_outcome()

    async def next_session(self) -> DownstreamSession:
        """Return the session that the current or the next attempt opens.

        Raises DownstreamUnavailableError when that attempt fails, or must not start yet.
        """
        if self._is_stopped or (self._is_between_attempts and not self._may_attempt_early()):
            raise self._refusal()
        self._retry_now.set()
        if self._breaker.is_open:
            raise self._refusal()
        session = await asyncio.shield(self._outcome)
        if session is None:
            raise named_alike(self._error, self._error.message)
        return session

    def hurry(self) -> None:
        """Begin the next attempt now, because what the last one used has been replaced."""
        if self._is_between_attempts and not self._is_final:
            self._is_between_attempts = False
            self._retry_now.set()

    def begin_attempt(self) -> None:
        """Let calls wait for the outcome of an attempt that starts now."""
        self._is_between_attempts = False
        self._attempted_at = self._loop.time()

    def fill(self, session: DownstreamSession) -> None:
        """Give this session to the calls that wait and to those that follow."""
        self.session = session
        self._breaker.connected()
        self._filled_at = self._loop.time()
        self._outcome.set_result(session)

    def clear(self, error: DownstreamUnavailableError, *, is_final: bool = False) -> None:
        """Go without a session until the next attempt; callers get such an error.

        After a final failure there is no next attempt, because only a change of the options could help.
        """
        self._error = error
        self._is_final = is_final
        if self.session is not None and self._loop.time() - self._filled_at >= self._stable:
            self._failures = 0
        self.session = None
        self._failures += 1
        self._delay = self._backoff.after(self._failures)
        self._next_at = self._loop.time() + self._delay
        self._is_between_attempts = True
        self._retry_now.clear()
        if not self._outcome.done():
            self._outcome.set_result(None)
        self._outcome = self._new_outcome()

    @property
    def breaker_state(self) -> BreakerState:
        """Return the state of the breaker; it is half open while an attempt runs."""
        if not self._breaker.is_open:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._is_between_attempts else BreakerState.HALF_OPEN

    @property
    def next_probe_at(self) -> datetime | None:
        """Return when the next attempt begins while the breaker is open; None if one runs, or none is due."""
        seconds = self._seconds_to_probe() if self._breaker.is_open else None
        return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

    async def wait_for_attempt(self) -> None:
        """Return when the next attempt is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._is_final else self._delay):
                await self._retry_now.wait()

    def stop(self) -> None:
        """Refuse every call from now on."""
        self._is_stopped = True

    def end(self, reason: str) -> None:
        """Refuse every call, also those that wait, from now on."""
        self.stop()
        self.clear(DownstreamUnavailableError(reason))

    def _refusal(self) -> DownstreamUnavailableError:
        """Return the error of a call that does not wait, with the time of the next probe if the breaker is open."""
        message = self._error.message
        if self._breaker.is_open and not self._is_stopped:
            seconds = self._seconds_to_probe()
            when = "a probe runs now" if seconds is None else f"the next probe is due in {seconds:.0f} s"
            message = (
                f"{message} (circuit breaker open after {self._breaker.failures} failures in a row; {when})"
            )
        return named_alike(self._error, message)

    def _seconds_to_probe(self) -> float | None:
        if not self._is_between_attempts or self._is_final or self._retry_now.is_set():
            return None
        return max(0.0, self._next_at - self._loop.time())

    def _may_attempt_early(self) -> bool:
        age = self._loop.time() - self._attempted_at
        return not self._is_final and age >= min(self._delay, self._early)

    def _new_outcome(self) -> asyncio.Future[DownstreamSession | None]:
        return self._loop.create_future()


def named_alike(error: DownstreamUnavailableError, message: str) -> DownstreamUnavailableError:
    """Return an error with another message that callers handle in the same way."""
    if isinstance(error, CredentialRefusedError):
        return CredentialRefusedError(message, challenge=error.challenge, is_known=error.is_known)
    return DownstreamUnavailableError(message)
