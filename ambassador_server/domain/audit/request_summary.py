"""Summarises the events of one request: how it was decided, how it ended, and how long it took."""

from collections.abc import Sequence
from dataclasses import dataclass

from ambassador_server.domain.audit.call_actions import CallStep, every_action
from ambassador_server.domain.audit.events import AuditEvent, Outcome

_ATTEMPTS = frozenset(every_action([CallStep.ATTEMPT]))
_DENIALS = frozenset(every_action([CallStep.DENY]))
_CALLS = frozenset(every_action([CallStep.OUTCOME])) | _ATTEMPTS | _DENIALS


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSummary:
    """How a request was decided and ended.

    `decision` is permit or deny, or None if the request was no call. `is_open` means that the call has no outcome yet.
    `milliseconds` is how long the downstream took.
    """

    decision: str | None
    outcome: Outcome
    reason: str | None
    grant_id: str | None
    switch_id: str | None
    milliseconds: float | None
    is_open: bool


def summarise(events: Sequence[AuditEvent]) -> RequestSummary:
    """Summarise the events of one request, oldest first; there must be at least one."""
    calls = [event for event in events if event.action in _CALLS]
    denied = any(event.action in _DENIALS for event in calls)
    last = (calls or events)[-1]
    return RequestSummary(
        decision=None if not calls else "deny" if denied else "permit",
        outcome=last.outcome,
        reason=last.reason,
        grant_id=_detail(calls, "grant"),
        switch_id=_detail(calls, "switch"),
        milliseconds=_milliseconds(last),
        is_open=last.action in _ATTEMPTS,
    )


def _detail(events: Sequence[AuditEvent], name: str) -> str | None:
    found = [event.details.get(name) for event in events]
    # The last event counts, because a permitted call can be stopped in flight.
    return next((value for value in reversed(found) if isinstance(value, str)), None)


def _milliseconds(event: AuditEvent) -> float | None:
    value = event.details.get("milliseconds")
    return float(value) if isinstance(value, int | float) else None
