"""A legacy host is asked on the stream of its call, for what it has declared, and for a bounded time."""

import json

import pytest
from multidict import CIMultiDict

from ambassador_server.domain.people.principals import Origin
from ambassador_server.mcp.conversations import MOST_OPEN_QUESTIONS, Conversation
from ambassador_server.mcp.questions import asking
from ambassador_server.ports.exchange import Question, Reply
from ambassador_server.ports.face import FaceRequest
from tests.server.worlds import PRINCIPAL

QUESTION = Question("elicitation/create", b'{"message":"Sure?"}', "box")
ACCEPT = {"Accept": "application/json, text/event-stream"}


def face(sent: list[bytes], headers: dict[str, str]) -> FaceRequest:
    return FaceRequest(
        headers=CIMultiDict(headers),
        body=b"",
        principal=PRINCIPAL,
        origin=Origin("request-1", "127.0.0.1"),
        tell=sent.append,
        ask=sent.append,
    )


async def test_a_host_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.01)
    conversation, sent = Conversation(b'{"elicitation":{}}'), []
    reply = await asking.asker(face(sent, ACCEPT), conversation)(QUESTION)
    assert b"has not answered" in (reply.error or b"")
    number = json.dumps(json.loads(sent[0])["id"]).encode()
    assert not conversation.answer(number, Reply(result=b"{}", error=None)), "the answer comes too late"


async def test_questions_that_were_given_up_leave_room_for_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 0.001)
    conversation, sent = Conversation(b'{"elicitation":{}}'), []
    ask = asking.asker(face(sent, ACCEPT), conversation)
    for _ in range(MOST_OPEN_QUESTIONS + 1):
        await ask(QUESTION)
    assert len(sent) == MOST_OPEN_QUESTIONS + 1


@pytest.mark.parametrize(
    ("capabilities", "headers"),
    [(b"{}", ACCEPT), (b'{"roots":{}}', ACCEPT), (b'{"elicitation":{}}', {"Accept": "application/json"})],
)
async def test_a_host_that_cannot_be_asked_is_sent_nothing(capabilities: bytes, headers: dict[str, str]):
    sent: list[bytes] = []
    reply = await asking.asker(face(sent, headers), Conversation(capabilities))(QUESTION)
    assert b"cannot be asked" in (reply.error or b"")
    assert sent == []
