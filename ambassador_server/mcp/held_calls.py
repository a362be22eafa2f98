"""Calls that wait while a modern host answers questions: its request ends with the questions and is retried later."""

import asyncio
import itertools
import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.mcp.caller import CallOutcome
from ambassador_server.mcp.envelope import EnvelopeError
from ambassador_server.ports.exchange import Ask, Notice, Question, Reply, Tell, error_reply
from ambassador_server.services.calls.capability_call import Answered

MOST_PER_USER: Final = 64
"""How many calls of one user may wait for answers of the host."""
MOST: Final = 8192
"""How many calls may wait in all."""
HOLD_SECONDS: Final = 300.0
"""How long a call waits for the answers, as long as a legacy host has for one; then it is cancelled.

A call that ends without them has an outcome, which waits as long for the host.
"""
MOST_QUESTIONS: Final = 32
"""How many questions of one call may be open at a time."""
MOST_NOTICES: Final = 16
"""How many notices of one call wait for the next request of its host; beyond that, a new one replaces the oldest."""
LARGEST_KEPT: Final = 1024 * 1024
"""The largest result, in bytes, that is kept for a host that still answers questions when its call ends."""
COLLECT_SECONDS: Final = 0.02
"""Questions that a downstream asks at the same time go to the host in one answer."""

Run = Callable[[Ask, Tell], Awaitable[CallOutcome]]
"""Runs a call with these functions to ask the host and to send it notices."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that waits for answers, with its open questions by their keys."""

    call_id: str
    round: int
    questions: Mapping[str, Question]


class _HeldCall:
    """One call: either a request of the host waits for what comes next, or the call waits for answers."""

    def __init__(self, calls: "HeldCalls", user_id: str, run: Run) -> None:
        self.id = secrets.token_urlsafe(16)
        self.round = 0
        self.user_id = user_id
        self.is_held = False
        self._calls = calls
        self._tell: Tell | None = None
        self._untold: deque[Notice] = deque(maxlen=MOST_NOTICES)
        self._keys = (f"question-{number}" for number in itertools.count(1))
        self._open: dict[str, tuple[Question, asyncio.Future[Reply]]] = {}
        self._loop = asyncio.get_running_loop()
        self._turn: asyncio.Future[None] = self._loop.create_future()
        self._collecting: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[CallOutcome] = self._loop.create_task(self._run(run))
        self._task.add_done_callback(self._done)

    async def next(self, tell: Tell | None) -> CallOutcome | Asked:
        """Wait for the outcome or for questions; cancelling this cancels the call, as its host has gone."""
        self._tell = tell
        self._tell_untold()
        if self._expiry is not None:
            self._expiry.cancel()
        try:
            await self._until_turn()
        except asyncio.CancelledError:
            self.cancel()
            await asyncio.wait({self._task})
            raise
        finally:
            self._tell = None
        if self._task.cancelled():
            raise _gone()
        if self._task.done():
            return self._task.result()
        if self._collecting is not None:
            self._collecting.cancel()
            self._collecting = None
        self.round += 1
        self._expiry = self._loop.call_later(HOLD_SECONDS, self._expire)
        self._calls.hold(self)
        return Asked(self.id, self.round, {key: question for key, (question, _) in self._open.items()})

    def answer(self, answers: Mapping[str, msgspec.Raw]) -> None:
        """Give the downstream the answers to its open questions; those without an answer are asked again.

        Raises EnvelopeError for an answer that is not an object, and gives none then.
        """
        given = {key: bytes(raw) for key, raw in answers.items() if key in self._open}
        if any(not raw.startswith(b"{") for raw in given.values()):
            raise EnvelopeError(Code.INVALID_PARAMS, "An answer in params.inputResponses is not an object")
        for key, raw in given.items():
            _, answer = self._open.pop(key)
            if not answer.done():
                answer.set_result(Reply(result=raw, error=None))
        if self._open:
            self._collect()

    def cancel(self) -> None:
        """Cancel the call, and with it the request to the downstream."""
        self._task.cancel()

    async def _until_turn(self) -> None:
        """Wait until the call has ended or has open questions; those of an earlier turn may have been withdrawn."""
        while True:
            await self._turn
            if self._task.done():
                return
            self._turn = self._loop.create_future()
            if self._open:
                return

    async def _run(self, run: Run) -> CallOutcome:
        outcome = await run(self._ask, self._notice)
        if self.is_held and _size(outcome) > LARGEST_KEPT:
            return error_reply(
                "The call ended before its questions were answered, and its result is too large to keep"
            )
        return outcome

    def _notice(self, notice: Notice) -> None:
        # Between two rounds no request of the host could carry it, so that the next one does.
        self._untold.append(notice)
        self._tell_untold()

    def _tell_untold(self) -> None:
        while self._untold and self._tell is not None:
            self._tell(self._untold.popleft())

    async def _ask(self, question: Question) -> Reply:
        if len(self._open) >= MOST_QUESTIONS or not self._calls.has_room_for(self):
            return error_reply("The host has too many questions to answer already")
        key = next(self._keys)
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._open[key] = (question, answer)
        self._collect()
        try:
            return await answer
        finally:
            self._open.pop(key, None)

    def _collect(self) -> None:
        if self._collecting is None:
            self._collecting = self._loop.call_later(self._calls.collect_seconds, self._end_turn)

    def _end_turn(self) -> None:
        self._collecting = None
        # The downstream may have withdrawn its questions meanwhile.
        if self._open and not self._turn.done():
            self._turn.set_result(None)

    def _done(self, task: asyncio.Task[CallOutcome]) -> None:
        if self._collecting is not None:
            self._collecting.cancel()
        if not self._turn.done():
            self._turn.set_result(None)
        if task.cancelled():
            self._forget()
        else:
            # Read here, because nobody may come back for it. Until the call expires its host may, with its answers.
            task.exception()

    def _expire(self) -> None:
        if self._task.done():
            self._forget()
        else:
            self.cancel()

    def _forget(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._calls.forget(self)


class HeldCalls:
    """The calls that wait for answers of their hosts, by id; their number is bounded, per user and in all."""

    def __init__(self, *, collect_seconds: float = COLLECT_SECONDS) -> None:
        self.collect_seconds = collect_seconds
        self._held: dict[str, _HeldCall] = {}
        self._per_user: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    async def begin(self, user_id: str, run: Run, tell: Tell | None) -> CallOutcome | Asked:
        """Run a call until it ends or asks. Raises what the call raises."""
        return await _HeldCall(self, user_id, run).next(tell)

    async def resume(
        self, user_id: str, call_id: str, round: int, answers: Mapping[str, msgspec.Raw], tell: Tell | None
    ) -> CallOutcome | Asked:
        """Continue a call with the answers to the questions of its last round.

        Raises EnvelopeError for a call that does not wait for this round, and what the call raises.
        """
        call = self._held.get(call_id)
        if call is None or call.user_id != user_id or call.round != round:
            raise _gone()
        call.answer(answers)
        self._release(call)
        return await call.next(tell)

    def has_room_for(self, call: _HeldCall) -> bool:
        """Tell whether a call may wait."""
        return call.is_held or (len(self._held) < MOST and self._per_user[call.user_id] < MOST_PER_USER)

    def hold(self, call: _HeldCall) -> None:
        """Keep a call that waits from now on."""
        call.is_held = True
        self._held[call.id] = call
        self._per_user[call.user_id] += 1

    def forget(self, call: _HeldCall) -> None:
        """Forget a call that waits no longer."""
        if call.is_held:
            self._release(call)

    def _release(self, call: _HeldCall) -> None:
        call.is_held = False
        del self._held[call.id]
        self._per_user[call.user_id] -= 1
        if not self._per_user[call.user_id]:
            del self._per_user[call.user_id]


def _size(outcome: CallOutcome) -> int:
    reply = outcome.reply if isinstance(outcome, Answered) else outcome
    return len(reply.result or b"") if isinstance(reply, Reply) else len(reply.items)


def _gone() -> EnvelopeError:
    return EnvelopeError(
        Code.INVALID_PARAMS, "The call of params.requestState waits no longer: send the request again"
    )
