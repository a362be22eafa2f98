"""Questions on the stream of a request: answered by the host, bounded, and cancelled with the request."""

import asyncio
import json

import msgspec
import pytest

from ambassador_server.downstream.features.questions import MAX_OPEN, OpenQuestions
from ambassador_server.downstream.wire.messages import Message
from ambassador_server.ports.exchange import Question, Reply


class Stream:
    """Keeps the messages to the downstream and lets a test wait for them."""

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []
        self.more = asyncio.Event()

    async def send(self, message: bytes) -> None:
        self.sent.append(json.loads(message))
        self.more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.sent) < count:
                self.more.clear()
                await self.more.wait()


def message(number: int, method: str = "roots/list") -> Message:
    return Message(jsonrpc="2.0", id=number, method=method)


async def test_only_questions_reach_the_host_and_a_ping_is_answered_here():
    asked: list[str] = []

    async def ask(question: Question) -> Reply:
        asked.append(question.method)
        return Reply(result=b'{"roots":[]}', error=None)

    stream = Stream()
    questions = OpenQuestions(ask)
    for number, method in enumerate(("roots/list", "ping", "tools/call", "initialize")):
        questions.put(message(number, method), stream.send)
    await stream.until(4)
    answers = {answer["id"]: answer for answer in stream.sent}
    assert asked == ["roots/list"]
    assert answers[0]["result"] == {"roots": []}
    assert answers[1]["result"] == {}
    assert "error" in answers[2]
    assert "error" in answers[3]


async def test_too_many_questions_are_refused_and_none_is_asked_after_the_end():
    waiting: list[Question] = []

    async def ask(question: Question) -> Reply:
        waiting.append(question)
        return await asyncio.get_running_loop().create_future()

    stream = Stream()
    questions = OpenQuestions(ask)
    for number in range(1000):
        questions.put(message(number), stream.send)
    await stream.until(1)
    assert len(waiting) <= MAX_OPEN
    assert all("error" in answer for answer in stream.sent)
    questions.close()
    sent = len(stream.sent)
    await asyncio.sleep(0)
    assert len(stream.sent) == sent


@pytest.mark.parametrize("params", [b"[1]", b'"x"', b"7", b"null", b"true"])
async def test_a_question_whose_params_are_no_object_is_refused(params: bytes):
    async def ask(question: Question) -> Reply:
        raise AssertionError(question)

    stream = Stream()
    asked = Message(jsonrpc="2.0", id=1, method="elicitation/create", params=msgspec.Raw(params))
    OpenQuestions(ask).put(asked, stream.send)
    await stream.until(1)
    assert stream.sent[0]["error"] == {
        "code": -32602,
        "message": "The params of elicitation/create are not an object",
    }
