"""The calls that are running now, so that a kill switch can stop them."""

import asyncio
from types import TracebackType
from typing import Self

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decide import decide
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.policy.snapshot import Snapshot
from ambassador_server.services.changes.policy_keeper import PolicyKeeper


class CallStoppedError(Exception):
    """A call in flight lost its permission; `deny` says why."""

    def __init__(self, deny: Deny) -> None:
        super().__init__(deny.reason)
        self.deny = deny


class CallInFlight:
    """The current task's call, in the table while the block runs; `deny` is set when it was stopped.

    Leaving the block raises CallStoppedError when a new policy stopped the call.
    """

    __slots__ = ("_running", "deny", "principal", "task", "tool")

    def __init__(self, principal: Principal, tool: CapabilityRef, running: "set[CallInFlight]") -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls run in a task")
        self.principal = principal
        self.tool = tool
        self.task = task
        self.deny: Deny | None = None
        self._running = running

    def __enter__(self) -> Self:
        self._running.add(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        self._running.discard(self)
        if self.deny is not None and self.was_stopped_by(error):
            self.task.uncancel()
            raise CallStoppedError(self.deny) from None

    def was_stopped_by(self, error: BaseException | None) -> bool:
        """Tell whether this error is a new policy's doing alone.

        A caller who went away as well has nobody left to be refused: that call ends as a cancelled one.
        """
        return (
            self.deny is not None
            and isinstance(error, asyncio.CancelledError)
            and self.task.cancelling() == 1
        )


class CallsInFlight:
    """Decides every running call again whenever the policy changes, and cancels those that are no longer permitted."""

    def __init__(self, policy: PolicyKeeper) -> None:
        self._policy = policy
        self._running: set[CallInFlight] = set()
        policy.subscribe(self._decide_again)

    def __len__(self) -> int:
        return len(self._running)

    def running(self) -> tuple[tuple[Principal, CapabilityRef], ...]:
        """Return who calls what right now."""
        return tuple((running.principal, running.tool) for running in self._running)

    def track(self, principal: Principal, tool: CapabilityRef) -> CallInFlight:
        """Return the current task's call, to be held in a `with` block."""
        return CallInFlight(principal, tool, self._running)

    def _decide_again(self, snapshot: Snapshot) -> None:
        moment = self._policy.moment()
        for running in tuple(self._running):
            decision = decide(snapshot, running.principal, running.tool, moment)
            if isinstance(decision, Deny) and running.deny is None:
                running.deny = decision
                running.task.cancel()
