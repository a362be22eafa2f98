"""Closes the attempts that a killed process of this server has left without an outcome."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import AuditAction, AuditEvent, AuditRecord, Outcome
from ambassador_server.ports.audit_log import UnfinishedLog
from ambassador_server.ports.clock import Clock

SERVER_KILLED: Final = "server_killed"
"""The reason of an outcome that is not known, because the server was killed before it could record one."""

_AT_ONCE: Final = 1000
"""How many outcomes are written at once; the queue of the log has room for more."""

_OUTCOMES: Final[Mapping[AuditAction, AuditAction]] = {
    attempt: CALL_ACTIONS[CallStep.OUTCOME][kind] for kind, attempt in CALL_ACTIONS[CallStep.ATTEMPT].items()
}
"""The action of the outcome of a call; everything else that has an attempt has the same action for both."""


class UnfinishedAttempts:
    """Records at the start that the outcome of what was in flight when the server was killed is not known.

    The record of the start comes after these: it tells the next start that everything before it is closed. A start that
    is killed meanwhile has closed some, and the next one closes the others.
    """

    def __init__(self, *, log: UnfinishedLog, clock: Clock, longest: timedelta) -> None:
        self._log = log
        self._clock = clock
        self._longest = longest

    async def close(self) -> int:
        """Record an outcome for each attempt without one, and return their number. Raises AuditUnavailableError."""
        left = await self._log.unfinished(self._longest)
        for begin in range(0, len(left), _AT_ONCE):
            written = [self._log.append(self._outcome(attempt)) for attempt in left[begin : begin + _AT_ONCE]]
            for each in written:
                await each
        return len(left)

    def _outcome(self, attempt: AuditRecord) -> AuditEvent:
        """Return the outcome: about the same request, so that it is found with its attempt."""
        action = attempt.event.action
        return replace(
            attempt.event,
            at=self._clock.now(),
            action=_OUTCOMES.get(action, action),
            outcome=Outcome.FAILED,
            reason=SERVER_KILLED,
            details={"attempt_seq": attempt.seq},
        )
