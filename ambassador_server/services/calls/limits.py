"""Holds calls to the limits of the policy; a call that exceeds one is denied before anything of it has run."""

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.limits import AppliedLimit, ExceededLimit, Limit, Measure
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.ports.limits import LimitCounters
from ambassador_server.services.calls.in_flight import CallInFlight, CallStoppedError


class EnteredLimits:
    """The limits that a call has entered; `leave` must be called once, when the call has ended."""

    __slots__ = ("_counters", "_limits")

    def __init__(self, counters: LimitCounters, limits: list[AppliedLimit]) -> None:
        self._counters = counters
        self._limits = limits

    def leave(self) -> None:
        """Count the end of the call."""
        self._counters.leave(self._limits)

    def check_result(self, size: int) -> None:
        """Raise CallStoppedError for a result that is larger than a limit allows."""
        _check_size(self._limits, Measure.RESULT_BYTES, size)


class CallLimits:
    """Counts calls, and stops those that exceed a limit."""

    def __init__(self, counters: LimitCounters) -> None:
        self._counters = counters

    def enter(
        self,
        snapshot: Snapshot,
        principal: Principal,
        capability: CapabilityRef,
        size: int,
        running: CallInFlight,
    ) -> None:
        """Count a call with arguments of this size, until it has ended.

        Raises CallStoppedError for a call that exceeds a limit; it is counted in none.
        """
        if snapshot.limits is None:
            return
        group_ids = snapshot.group_ids_of.get(principal.user_id, ())
        limits = snapshot.limits.applying(principal, capability, group_ids, snapshot.keys)
        if not limits:
            return
        _check_size(limits, Measure.ARGUMENT_BYTES, size)
        waiting = self._counters.enter(limits)
        if waiting is not None:
            raise CallStoppedError(_exceeded(waiting.limit, waiting.seconds))
        running.limits = EnteredLimits(self._counters, limits)


def _check_size(limits: list[AppliedLimit], measure: Measure, size: int) -> None:
    for limit, _ in limits:
        if limit.measure is measure and size > limit.value:
            raise CallStoppedError(_exceeded(limit, None))


def _exceeded(limit: Limit, wait_seconds: int | None) -> Deny:
    exceeded = ExceededLimit(
        name=limit.name, measure=limit.measure, value=limit.value, wait_seconds=wait_seconds
    )
    return Deny(Reason.LIMIT_EXCEEDED, disclosed=True, limit=exceeded)
