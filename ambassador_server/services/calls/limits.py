"""Holds calls to the limits of the policy; a call that exceeds one is denied before anything of it has run."""

from typing import Final, Self

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.policy.limits import AppliedLimit, ExceededLimit, Limit, Measure
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.ports.limits import LimitCounters
from ambassador_server.services.calls.in_flight import CallInFlight, CallStoppedError

_MOST_REMEMBERED: Final = 10_000


class EnteredLimits:
    """The limits that a call has entered; `leave` must be called once, when the call has ended."""

    __slots__ = ("_counters", "_limits")

    def __init__(self, counters: LimitCounters, limits: "_LimitsOfCall") -> None:
        self._counters = counters
        self._limits = limits

    def leave(self) -> None:
        """Count the end of the call."""
        self._counters.leave(self._limits.counted)

    def check_result(self, size: int) -> None:
        """Raise CallStoppedError for a result that is larger than a limit allows."""
        _check_size(self._limits.result_bytes, size)


_Called = tuple[str, str, CapabilityRef, tuple[str, ...]]
"""User, key, capability, and the groups that a token names."""


class _LimitsOfCall(Struct, frozen=True):
    """The limits of one kind of call, by when they are looked at; `last` tells whether any is, when the call ends."""

    counted: list[AppliedLimit]
    argument_bytes: list[Limit]
    result_bytes: list[Limit]
    last: bool

    @classmethod
    def of(cls, applied: list[AppliedLimit]) -> Self:
        sizes = (Measure.ARGUMENT_BYTES, Measure.RESULT_BYTES)
        arguments, results = (
            [each.limit for each in applied if each.limit.measure is size] for size in sizes
        )
        counted = [each for each in applied if each.limit.measure not in sizes]
        in_flight = any(each.limit.measure is Measure.IN_FLIGHT for each in counted)
        return cls(counted, arguments, results, in_flight or bool(results))


class CallLimits:
    """Counts calls, and stops those that exceed a limit."""

    def __init__(self, counters: LimitCounters) -> None:
        self._counters = counters
        self._snapshot: Snapshot | None = None
        self._found: dict[_Called, _LimitsOfCall] = {}

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
        if snapshot is not self._snapshot:
            self._snapshot, self._found = snapshot, {}
        # Two tokens of one user may name different groups, so that other limits apply.
        groups = () if principal.token is None else principal.token.groups
        called = principal.user_id, principal.key_id, capability, groups
        limits = self._found.get(called) or self._find(snapshot, principal, called)
        if limits.argument_bytes:
            _check_size(limits.argument_bytes, size)
        if limits.counted:
            waiting = self._counters.enter(limits.counted)
            if waiting is not None:
                raise CallStoppedError(_exceeded(waiting.limit, waiting.seconds))
        if limits.last:
            running.limits = EnteredLimits(self._counters, limits)

    def _find(self, snapshot: Snapshot, principal: Principal, called: _Called) -> _LimitsOfCall:
        """Find the limits of a call, and remember them as long as the policy stays the same."""
        if len(self._found) >= _MOST_REMEMBERED:
            self._found = {}
        applied: list[AppliedLimit] = []
        if snapshot.limits is not None:
            group_ids = snapshot.group_ids_for(principal)
            applied = snapshot.limits.applying(principal, called[2], group_ids, snapshot.keys)
        found = _LimitsOfCall.of(applied)
        self._found[called] = found
        return found


def _check_size(limits: list[Limit], size: int) -> None:
    for limit in limits:
        if size > limit.value:
            raise CallStoppedError(_exceeded(limit, None))


def _exceeded(limit: Limit, wait_seconds: int | None) -> Deny:
    exceeded = ExceededLimit(
        name=limit.name, measure=limit.measure, value=limit.value, wait_seconds=wait_seconds
    )
    return Deny(Reason.LIMIT_EXCEEDED, disclosed=True, limit=exceeded)
