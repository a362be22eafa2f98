"""The calls that are running now, so that a kill switch can stop them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ambassador_server.domain.decision import Deny
from ambassador_server.domain.policy import ToolRef, decide
from ambassador_server.domain.principal import Principal
from ambassador_server.domain.snapshot import Snapshot
from ambassador_server.services.policy_keeper import PolicyKeeper


class CallStoppedError(Exception):
    """A call in flight lost its permission; `deny` says why."""

    def __init__(self, deny: Deny) -> None:
        super().__init__(deny.reason)
        self.deny = deny


class Flight:
    """One running call; `deny` is set when it was stopped."""

    __slots__ = ("deny", "principal", "task", "tool")

    def __init__(self, principal: Principal, tool: ToolRef, task: asyncio.Task[object]) -> None:
        self.principal = principal
        self.tool = tool
        self.task = task
        self.deny: Deny | None = None


class Flights:
    """Decides every running call again whenever the policy changes, and cancels those that are no longer permitted."""

    def __init__(self, policy: PolicyKeeper) -> None:
        self._policy = policy
        self._running: set[Flight] = set()
        policy.subscribe(self._decide_again)

    def __len__(self) -> int:
        return len(self._running)

    def running(self) -> tuple[tuple[Principal, ToolRef], ...]:
        """Return who calls what right now."""
        return tuple((flight.principal, flight.tool) for flight in self._running)

    @contextmanager
    def track(self, principal: Principal, tool: ToolRef) -> Iterator[Flight]:
        """Hold the current task's call in the table; raises CallStoppedError when a new policy stopped it."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls run in a task")
        flight = Flight(principal, tool, task)
        self._running.add(flight)
        try:
            yield flight
        except asyncio.CancelledError:
            # Cancelled by us, or by the caller who went away? Only the first has a reason to show.
            if flight.deny is None or task.uncancel() > 0:
                raise
            raise CallStoppedError(flight.deny) from None
        finally:
            self._running.discard(flight)

    def _decide_again(self, snapshot: Snapshot) -> None:
        moment = self._policy.moment()
        for flight in tuple(self._running):
            decision = decide(snapshot, flight.principal, flight.tool, moment)
            if isinstance(decision, Deny) and flight.deny is None:
                flight.deny = decision
                flight.task.cancel()
