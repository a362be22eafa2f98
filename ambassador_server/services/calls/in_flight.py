"""The calls that are running now, so that a kill switch or the shutdown can stop them."""

import asyncio
from collections import Counter, OrderedDict
from types import TracebackType
from typing import Final, Protocol, Self

from ambassador_server.domain.catalog.capabilities import CapabilityRef
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.argument_checks import CallParams
from ambassador_server.domain.policy.decide import DEFINITION_CHANGED, decide
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.errors import ServerStoppingError
from ambassador_server.services.calls.capability_call import CapabilityCall, UsedApproval
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_MOST_ENDED_SESSIONS: Final = 10_000
"""How many ended sessions are remembered; a request is read for a minute at most."""


class CallStoppedError(Exception):
    """A call in flight is not permitted any more; `deny` holds the reason."""

    def __init__(self, deny: Deny) -> None:
        super().__init__(deny.reason)
        self.deny = deny


class Entered(Protocol):
    """What a call has entered and must leave at its end, such as its limits."""

    def leave(self) -> None:
        """Count the end of the call."""
        ...

    def check_result(self, size: int) -> None:
        """Raise CallStoppedError for a result of this size that is not allowed."""
        ...


class HeldApproval(Protocol):
    """The approval that a call needs, which serves once."""

    async def use(self) -> UsedApproval:
        """Use it, and return what was used; raises CallStoppedError if it does not serve any more."""
        ...


class CallInFlight:
    """A call of the current task, in flight while its `with` block runs.

    `sent` is the call as the downstream gets it, once that is known, and `approval` what it must use before, if it
    needs one; `used` is what it has used. At its end the call leaves its `limits`. If a new
    policy stops it, `deny` is set, and the end of the block raises CallStoppedError. If the shutdown of the server
    stops it, the end of the block raises ServerStoppingError.
    """

    __slots__ = (
        "_params",
        "_running",
        "approval",
        "capability",
        "deny",
        "is_cut",
        "limits",
        "principal",
        "sent",
        "task",
        "used",
    )

    def __init__(self, principal: Principal, capability: CapabilityRef, running: "set[CallInFlight]") -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("calls run in a task")
        self.principal = principal
        self.capability = capability
        self.task = task
        self.deny: Deny | None = None
        self.is_cut = False
        self.limits: Entered | None = None
        self.sent: CapabilityCall | None = None
        self._params: CallParams | None = None
        self.approval: HeldApproval | None = None
        self.used: UsedApproval | None = None
        self._running = running

    def __enter__(self) -> Self:
        self._running.add(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        self._running.discard(self)
        if self.limits is not None:
            self.limits.leave()
        if self.deny is not None and self.was_stopped_by(error):
            self.task.uncancel()
            raise CallStoppedError(self.deny) from None
        if self.is_cut and self._is_only_cause(error):
            self.task.uncancel()
            raise ServerStoppingError(
                "The server is shutting down and has stopped the call, which may have run"
            )

    @property
    def params(self) -> CallParams | None:
        """Return the parameters that constraints are about; a request about a task has no arguments of its own."""
        if self._params is None and self.sent is not None and self.sent.sends_name:
            self._params = CallParams(self.sent.members)
        return self._params

    def was_stopped_by(self, error: BaseException | None) -> bool:
        """Tell whether a new policy is the only cause of this error.

        If the caller disconnected as well, nobody reads a refusal: the call ends as a cancelled one.
        """
        return self.deny is not None and self._is_only_cause(error)

    @property
    def cancelled_by(self) -> str:
        """Return the reason that the audit records for a cancelled call that no policy has stopped."""
        return "server_stopping" if self.is_cut else "cancelled"

    def _is_only_cause(self, error: BaseException | None) -> bool:
        return isinstance(error, asyncio.CancelledError) and self.task.cancelling() == 1


class CallsInFlight:
    """Decides running calls again, and cancels those that are no longer permitted.

    That happens whenever the policy changes, whenever `decide_again` is called, and when a session is ended. Large
    answers that a client has not read yet are cancelled as well.
    """

    def __init__(self, policy: PolicyKeeper) -> None:
        self._policy = policy
        self._running: set[CallInFlight] = set()
        self._being_read: set[CallInFlight] = set()
        self._ended_sessions: OrderedDict[str | None, None] = OrderedDict()
        self._is_stopping = False
        policy.subscribe(lambda _: self.decide_again())

    def __len__(self) -> int:
        return len(self._running)

    def running(self) -> tuple[tuple[Principal, CapabilityRef], ...]:
        """Return the principal and the capability of every call in flight."""
        return tuple((running.principal, running.capability) for running in self._running)

    def principals(self) -> set[Principal]:
        """Return whose calls are in flight, or have answers that are not read yet."""
        return {each.principal for each in (*self._running, *self._being_read)}

    def by_mcp(self) -> Counter[str]:
        """Return how many calls of each MCP are in flight, by its id."""
        return Counter(running.capability.mcp_id for running in self._running)

    def register(self, principal: Principal, capability: CapabilityRef) -> CallInFlight:
        """Return the call of the current task, which runs in the `with` block of the returned object.

        Raises ServerStoppingError, and CallStoppedError for a session that was ended while the request was read.
        """
        if self._is_stopping:
            raise ServerStoppingError("The server is shutting down")
        if principal.session_id in self._ended_sessions:
            raise CallStoppedError(_SESSION_ENDED)
        return CallInFlight(principal, capability, self._running)

    def watch_answer(self, call: CallInFlight) -> None:
        """Cancel the task of an answered call, too, if it is not permitted any more before it has sent the answer."""
        self._being_read.add(call)
        call.task.add_done_callback(lambda _: self._being_read.discard(call))

    def cut(self) -> None:
        """Stop every call with ServerStoppingError, those that still come as well."""
        self._is_stopping = True
        for running in tuple(self._running):
            if running.deny is None:
                running.is_cut = True
                running.task.cancel()

    def decide_again(self) -> None:
        """Stop the calls that are no longer permitted: a grant or a key may have expired since they began.

        Constraints decide again about the arguments that the downstream has got.
        Nothing happens while the policy is stale, because that says nothing about these calls. A call goes on when
        another definition of its tool is approved: the one that it began with was approved then.
        """
        snapshot, moment = self._policy.snapshot, self._policy.current_moment()
        if moment.stale:
            return
        for running in (*self._running, *self._being_read):
            decision = decide(snapshot, running.principal, running.capability, moment, running.params)
            if isinstance(decision, Deny) and decision is not DEFINITION_CHANGED:
                _stop(running, decision)

    def end_session(self, session_id: str) -> None:
        """Stop the calls of a session that was ended, and those of its requests that are still being read."""
        self._ended_sessions[session_id] = None
        if len(self._ended_sessions) > _MOST_ENDED_SESSIONS:
            self._ended_sessions.popitem(last=False)
        for running in (*self._running, *self._being_read):
            if running.principal.session_id == session_id:
                _stop(running, _SESSION_ENDED)


_SESSION_ENDED = Deny(Reason.SESSION_ENDED, disclosed=True)


def _stop(running: CallInFlight, deny: Deny) -> None:
    if running.deny is None and not running.is_cut:
        running.deny = deny
        running.task.cancel()
