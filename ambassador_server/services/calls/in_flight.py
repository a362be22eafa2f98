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
    """A call in flight is not permitted any more; `deny` holds the reason."""

    def __init__(self, deny: Deny) -> None:
        super().__init__(deny.reason)
        self.deny = deny


class CallInFlight:
    """A call of the current task, in flight while its `with` block runs; `deny` is set if a new policy stops it.

    Then the end of the block raises CallStoppedError.
    """

    __slots__ = ("_running", "capability", "deny", "principal", "task")

    def __init__(self, principal: Principal, capability: CapabilityRef, running: "set[CallInFlight]") -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls run in a task")
        self.principal = principal
        self.capability = capability
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
        """Tell whether a new policy is the only cause of this error.

        If the caller disconnected as well, nobody reads a refusal: the call ends as a cancelled one.
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
        """Return the principal and the capability of every call in flight."""
        return tuple((running.principal, running.capability) for running in self._running)

    def register(self, principal: Principal, capability: CapabilityRef) -> CallInFlight:
        """Return the call of the current task, which runs in the `with` block of the returned object."""
        return CallInFlight(principal, capability, self._running)

    def _decide_again(self, snapshot: Snapshot) -> None:
        moment = self._policy.current_moment()
        for running in tuple(self._running):
            decision = decide(snapshot, running.principal, running.capability, moment)
            if isinstance(decision, Deny) and running.deny is None:
                running.deny = decision
                running.task.cancel()
