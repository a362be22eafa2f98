"""Conversations belong to the principal that opened them, are limited in number, and cancel or answer only once."""

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ambassador_server.mcp.conversations import MOST_OPEN_QUESTIONS, MOST_PER_KEY, Conversation, Conversations
from ambassador_server.mcp.sent_events import KeptEvents
from ambassador_server.ports.exchange import Reply
from tests.server.worlds import PRINCIPAL

PRINCIPALS = [
    replace(PRINCIPAL, key_id=key_id, session_id=session_id)
    for key_id in ("k1", "k2")
    for session_id in (None, "s1", "s2")
]
ANSWER = Reply(result=b"{}", error=None)


async def running(conversation: Conversation, request_id: bytes) -> asyncio.Task[str]:
    """Start a request that ends only when it is cancelled."""
    started = asyncio.Event()

    async def serve() -> str:
        try:
            with conversation.track(request_id):
                started.set()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not conversation.was_cancelled():
                raise
        return "cancelled by the host"

    task = asyncio.create_task(serve())
    await started.wait()
    return task


@given(st.lists(st.tuples(st.sampled_from(PRINCIPALS), st.integers(0, 3)), min_size=1, max_size=20))
def test_conversation_id_is_invalid_for_another_principal(uses):
    conversations = Conversations()
    ids = [conversations.open(principal, b'{"roots":{}}') for principal in PRINCIPALS]
    for principal, number in uses:
        found = conversations.of(principal, ids[number])
        assert found is not None
        assert (found.capabilities == b'{"roots":{}}') == (principal is PRINCIPALS[number])


def test_request_without_conversation_id_belongs_to_its_session():
    conversations = Conversations()
    assert conversations.of(replace(PRINCIPAL, session_id=None), None) is None
    ours = conversations.of(PRINCIPAL, None)
    assert ours is not None
    assert conversations.of(PRINCIPAL, None) is ours
    assert conversations.of(replace(PRINCIPAL, session_id="other"), None) is not ours
    for malformed in ("", " ", "a b", "ä", "x" * 129, "a\n"):
        assert conversations.of(PRINCIPAL, malformed) is None


def test_conversations_of_a_key_are_limited_without_effect_on_other_keys():
    conversations = Conversations()
    other = replace(PRINCIPAL, key_id="k2")
    kept = conversations.open(other, b'{"roots":{}}')
    first = conversations.open(PRINCIPAL, b'{"roots":{}}')
    for _ in range(MOST_PER_KEY):
        conversations.open(PRINCIPAL, b"{}")
    found, forgotten = conversations.of(other, kept), conversations.of(PRINCIPAL, first)
    assert found is not None
    assert found.capabilities == b'{"roots":{}}'
    assert forgotten is not None
    assert forgotten.capabilities == b"{}"


async def test_a_conversation_with_a_running_request_is_not_forgotten_first():
    conversations = Conversations()
    busy = conversations.of(PRINCIPAL, conversations.open(PRINCIPAL, b"{}"))
    assert busy is not None
    task = await running(busy, b"1")
    ids = [conversations.open(PRINCIPAL, b"{}") for _ in range(MOST_PER_KEY)]
    assert not conversations.end(PRINCIPAL, ids[0])
    busy.cancel(b"1")
    assert await task == "cancelled by the host"


async def test_cancellation_ends_only_its_own_request():
    conversation = Conversation(b"{}", KeptEvents())
    first, second = await running(conversation, b"1"), await running(conversation, b'"1"')
    conversation.cancel(b"1")
    conversation.cancel(b"1")
    assert await first == "cancelled by the host"
    assert not second.done()
    conversation.cancel(b"1")
    # A closed connection is not a cancellation by the host.
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    assert second.cancelled()


async def test_answer_is_accepted_once_for_an_open_question():
    conversation = Conversation(b"{}", KeptEvents())
    opened = conversation.question()
    assert opened is not None
    question_id, answer = opened
    quoted = b'"' + question_id.encode() + b'"'
    assert not conversation.answer(question_id.encode(), ANSWER)
    assert conversation.answer(quoted, ANSWER)
    assert await answer is ANSWER
    assert not conversation.answer(quoted, ANSWER)


async def test_open_questions_are_limited_and_withdrawn_ones_do_not_count():
    conversation = Conversation(b"{}", KeptEvents())
    opened = [conversation.question() for _ in range(MOST_OPEN_QUESTIONS)]
    assert conversation.question() is None
    assert opened[0] is not None
    conversation.withdraw(opened[0][0])
    assert conversation.question() is not None
