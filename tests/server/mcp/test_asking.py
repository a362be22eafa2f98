"""A legacy host is asked on the stream of its call, for what it has declared, and for a bounded time."""

import json

import pytest

from ambassador_server.mcp.conversations import MOST_OPEN_QUESTIONS, Conversation
from ambassador_server.mcp.questions import asking
from ambassador_server.mcp.sent_events import KeptEvents
from ambassador_server.ports.exchange import Question, Reply

QUESTION = Question("elicitation/create", b'{"message":"Sure?"}', "box")


def conversation(capabilities: bytes) -> Conversation:
    return Conversation(capabilities, KeptEvents())


async def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.01)
    asked, sent = conversation(b'{"elicitation":{}}'), []
    reply = await asking.asker(asked, sent.append)(QUESTION)
    assert b"has not answered" in (reply.error or b"")
    number = json.dumps(json.loads(sent[0])["id"]).encode()
    assert not asked.answer(number, Reply(result=b"{}", error=None)), "the answer comes too late"


async def test_questions_that_were_given_up_leave_room_for_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.001)
    asked, sent = conversation(b'{"elicitation":{}}'), []
    ask = asking.asker(asked, sent.append)
    for _ in range(MOST_OPEN_QUESTIONS + 1):
        await ask(QUESTION)
    assert len(sent) == MOST_OPEN_QUESTIONS + 1


@pytest.mark.parametrize(
    ("capabilities", "reads_streams"),
    [(b"{}", True), (b'{"roots":{}}', True), (b'{"elicitation":{}}', False)],
)
async def test_a_host_that_cannot_be_asked_is_sent_nothing(capabilities: bytes, reads_streams: bool):
    sent: list[bytes] = []
    reply = await asking.asker(conversation(capabilities), sent.append if reads_streams else None)(QUESTION)
    assert b"cannot be asked" in (reply.error or b"")
    assert sent == []
