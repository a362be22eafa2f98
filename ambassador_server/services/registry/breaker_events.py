"""Records when circuit breakers open and close; of the connections of single users not more than a log can bear."""

from collections import OrderedDict
from typing import Any, Final

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.catalog.mcps import BreakerState
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.downstream import DownstreamChange
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

PERIOD_SECONDS: Final = 60.0
MOST_IN_A_PERIOD: Final = 10
"""How many breakers of users' connections to one MCP are recorded as opened in one period, each user once."""
_MOST_REMEMBERED: Final = 10_000

_Pair = tuple[str, str]


class _Period:
    """What was recorded of one MCP since `began`, and how many openings were not."""

    __slots__ = ("began", "left_out", "users")

    def __init__(self, began: float) -> None:
        self.began = began
        self.users: set[str] = set()
        self.left_out = 0


class BreakerEvents:
    """Records breakers as events; the probes of one and the calls that it refuses are no events of it.

    Each opening and closing is recorded of the connection of an MCP itself. Of users' connections an opening is
    recorded within the bounds, with the number of those that were left out before, and a closing if its opening was.
    """

    def __init__(self, *, policy: PolicyKeeper, recorder: Recorder, clock: Clock) -> None:
        self._policy = policy
        self._recorder = recorder
        self._clock = clock
        self._periods: dict[str, _Period] = {}
        self._open: OrderedDict[_Pair, None] = OrderedDict()

    def record(self, change: DownstreamChange, breaker: BreakerState) -> None:
        """Record that a breaker has opened or closed."""
        opened = breaker is BreakerState.OPEN
        details: dict[str, Any] | None = {}
        if change.user_id is not None:
            pair = change.mcp_id, change.user_id
            details = self._opened(pair) if opened else self._closed(pair)
        if details is None:
            return
        _ = self._recorder.event(
            AuditAction.BREAKER_OPEN if opened else AuditAction.BREAKER_CLOSE,
            Outcome.SUCCEEDED,
            resource=self.resource(change.mcp_id),
            details={"error": change.error, **details} if opened else details,
        )

    def resource(self, mcp_id: str) -> Resource:
        """Return the MCP as the resource of an event."""
        mcp = self._policy.snapshot.mcps.get(mcp_id)
        return Resource(kind="mcp", id=mcp_id, name=None if mcp is None else mcp.name)

    def _opened(self, pair: _Pair) -> dict[str, Any] | None:
        """Return the details of an opening, None if it is not recorded."""
        mcp_id, user_id = pair
        now, period = self._clock.monotonic(), self._periods.get(mcp_id)
        if period is None or now - period.began >= PERIOD_SECONDS:
            left_out = 0 if period is None else period.left_out
            period = self._periods[mcp_id] = _Period(now)
            period.left_out = left_out
        if user_id in period.users or len(period.users) >= MOST_IN_A_PERIOD:
            period.left_out += 1
            return None
        period.users.add(user_id)
        self._remember(pair)
        details = self._user(user_id)
        if period.left_out:
            details["left_out"], period.left_out = period.left_out, 0
        return details

    def _closed(self, pair: _Pair) -> dict[str, Any] | None:
        if pair not in self._open:
            return None
        del self._open[pair]
        return self._user(pair[1])

    def _remember(self, pair: _Pair) -> None:
        self._open[pair] = None
        self._open.move_to_end(pair)
        if len(self._open) > _MOST_REMEMBERED:
            self._open.popitem(last=False)

    def _user(self, user_id: str) -> dict[str, Any]:
        user = self._policy.snapshot.users.get(user_id)
        return {"user": user_id if user is None else user.name}
