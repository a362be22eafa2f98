"""A question outside the stream of a call reaches the only call that it can be of, in any order of events."""

import asyncio
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.downstream.features.calls_in_flight import CallsInFlight, OpenCall
from ambassador_server.downstream.wire.messages import Message
from ambassador_server.ports.exchange import Ask, NeutralRequest, Question, Reply

_BEGIN = st.tuples(
    st.just("begin"), st.sampled_from("AB"), st.sampled_from(["can be asked", "cannot", "none"])
)
_END = st.tuples(st.just("end"), st.integers(0, 5))
_ASK = st.tuples(st.just("ask"), st.sampled_from(["roots/list", "elicitation/create", "ping", "tools/call"]))
_TURN = st.tuples(st.just("turn"))
_WATCH = st.tuples(st.just("watch"), st.sampled_from("AB"))
_STEPS = st.lists(st.one_of(_BEGIN, _BEGIN, _END, _ASK, _ASK, _TURN, _WATCH), max_size=30)
_QUESTIONS = ("roots/list", "elicitation/create")


class _Session:
    """One session, what its downstream was answered, and which call each question reached."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.reached: list[tuple[int, int]] = []
        self.ambiguous = 0
        self.watching: set[str] = set()
        self.calls = CallsInFlight(self._is_ambiguous, self.watching)

    def begin(self, call: int, user: str, kind: str) -> OpenCall | None:
        capabilities = b'{"roots":{},"elicitation":{}}' if kind == "can be asked" else b"{}"
        ask = None if kind == "none" else self._ask(call)
        request = NeutralRequest(method="tools/call", params=b"{}", capabilities=capabilities, ask=ask)
        return self.calls.begin(request, user)

    def question(self, number: int, method: str) -> None:
        # A hostile downstream uses one id for all.
        params = json.dumps({"number": number}).encode()
        self.calls.asked(Message(jsonrpc="2.0", id=1, method=method, params=msgspec.Raw(params)), self._send)

    def _ask(self, call: int) -> Ask:
        async def ask(question: Question) -> Reply:
            self.reached.append((json.loads(question.params)["number"], call))
            return Reply(result=b"{}", error=None)

        return ask

    async def _send(self, message: bytes) -> None:
        self.sent.append(json.loads(message))

    def _is_ambiguous(self) -> None:
        self.ambiguous += 1


@given(_STEPS)
def test_a_question_reaches_the_call_it_is_of_or_none(steps: list[Any]):
    asyncio.run(_check(steps))


async def _check(steps: list[Any]) -> None:
    session = _Session()
    users: set[str] = set()
    running: dict[int, tuple[OpenCall | None, bool]] = {}
    expected: dict[int, int | None] = {}
    for number, step in enumerate(steps):
        match step:
            case ("begin", user, kind):
                users.add(user)
                running[number] = (session.begin(number, user, kind), kind == "can be asked")
            case ("watch", user):
                users.add(user)
                session.watching.add(user)
            case ("end", place) if place < len(running):
                session.calls.end(running.pop(list(running)[place])[0])
            case ("ask", method):
                askable = [call for call, (_, can_be_asked) in running.items() if can_be_asked]
                is_certain = method in _QUESTIONS and len(users) == 1 and len(askable) == 1
                expected[number] = askable[0] if is_certain else None
                session.question(number, method)
            case _:
                await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    for question, call in session.reached:
        assert expected[question] == call
    assert len(session.sent) <= len(expected)
    # A question may be lost with its call, and with nothing else.
    still = {number: call for number, call in expected.items() if call in running}
    assert still.keys() <= dict(session.reached).keys()
    for call, _ in running.values():
        session.calls.end(call)
    session.calls.close()
    assert session.calls.count == 0
    assert session.calls.idle.is_set()
