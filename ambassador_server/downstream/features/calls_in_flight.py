"""Finds the call that a message of a downstream belongs to where the transport does not tell.

A wrong guess would show one user what concerns another. So a message goes to a call only if one user alone has ever
used the session and only one of the calls in flight can be meant; otherwise it goes nowhere.
"""

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.downstream.features.log_messages import LOG_MESSAGE, log_teller
from ambassador_server.downstream.features.questions import OpenQuestions, Send
from ambassador_server.downstream.wire.messages import Message
from ambassador_server.ports.exchange import Ask, NeutralRequest, Notice, Question, Reply, error_reply

MOST_PER_SECOND: Final = 1000
"""How many questions of one session reach hosts in a second; more are refused."""
_NO_CAPABILITIES: Final = (b"", b"{}")


def can_be_asked(request: NeutralRequest) -> bool:
    """Tell whether the host of a request supports any question."""
    return request.ask is not None and request.capabilities not in _NO_CAPABILITIES


class OpenCall:
    """One call in flight that can be asked questions, or wants log messages."""

    __slots__ = ("_questions", "ask", "can_be_asked", "tell")

    def __init__(self, request: NeutralRequest, rate: "QuestionRate") -> None:
        self.ask = None if request.ask is None else partial(rate.ask, request.ask)
        self.tell = None if request.log_level is None else log_teller(request)
        self.can_be_asked = can_be_asked(request)
        self._questions: OpenQuestions | None = None

    def put(self, message: Message, send: Send) -> None:
        """Ask the host of this call."""
        if self._questions is None:
            self._questions = OpenQuestions(self.ask)
        self._questions.put(message, send)

    def cancelled(self, params: bytes) -> None:
        """Withdraw the question that the params name, if it is one of this call."""
        if self._questions is not None:
            self._questions.cancelled(params)

    def close(self) -> None:
        """Cancel the questions that have no answer yet."""
        if self._questions is not None:
            self._questions.close()


class QuestionRate:
    """Bounds how many questions of one session reach hosts in a second."""

    def __init__(self) -> None:
        self._second = 0.0
        self._asked = 0

    async def ask(self, ask: Ask, question: Question) -> Reply:
        """Ask the host, or refuse the question."""
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1:
            self._second, self._asked = now, 0
        self._asked += 1
        if self._asked > MOST_PER_SECOND:
            return error_reply("The MCP asks too many questions in a second")
        return await ask(question)


class CallsInFlight:
    """The calls of one session; `idle` is set while there are none.

    `ambiguous` is called for a question that could belong to several calls. `watching` has the ids of the users who
    watch resources over the session, and changes with them.
    """

    def __init__(self, ambiguous: Callable[[], None], watching: Collection[str] = ()) -> None:
        self.count = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self._ambiguous = ambiguous
        self._watching = watching
        self._user_id: str | None = None
        self._is_shared = False
        self._open: set[OpenCall] = set()
        self._unasked = OpenQuestions(None)
        self._rate = QuestionRate()

    def begin(self, request: NeutralRequest, user_id: str) -> OpenCall | None:
        """Take a call into account; returns None for one that can be neither asked nor told anything."""
        self.count += 1
        self.idle.clear()
        if user_id != self._user_id:
            self._is_shared = self._user_id is not None
            self._user_id = self._user_id or user_id
        if request.log_level is None and not can_be_asked(request):
            return None
        call = OpenCall(request, self._rate)
        self._open.add(call)
        return call

    def end(self, call: OpenCall | None) -> None:
        """Take the end of a call into account; it gets no messages any more."""
        if call is not None:
            self._open.discard(call)
            call.close()
        self.count -= 1
        if not self.count:
            self.idle.set()

    def asked(self, message: Message, send: Send) -> None:
        """Answer a request of the downstream that names no call."""
        if message.method in QUESTIONS:
            askable = [call for call in self._open if call.can_be_asked]
            if len(askable) == 1 and self._serves_one_user():
                askable[0].put(message, send)
                return
            if askable:
                self._ambiguous()
        self._unasked.put(message, send)

    def cancelled(self, params: bytes) -> None:
        """Withdraw the question that a notification names."""
        for call in self._open:
            call.cancelled(params)

    def logged(self, params: bytes) -> None:
        """Pass on a log message that names no call."""
        if not self._open or not self._serves_one_user():
            return
        tellers = [call.tell for call in self._open if call.tell is not None]
        if len(tellers) == 1:
            tellers[0](Notice(LOG_MESSAGE, params))

    def _serves_one_user(self) -> bool:
        """Tell whether nobody but one user has called anything, or watched a resource, over this session."""
        return not self._is_shared and all(user_id == self._user_id for user_id in self._watching)

    def close(self) -> None:
        """Answer nothing any more."""
        self._unasked.close()
