"""Asks a legacy host a question: sends a request on the stream of the call; the host answers with another POST."""

import asyncio
from collections.abc import Callable
from typing import Final

from ambassador_protocol.jsonrpc import Code
from ambassador_server.mcp.conversations import Conversation
from ambassador_server.mcp.envelope import request as encode_request
from ambassador_server.mcp.questions.capabilities import NONE, can_be_asked
from ambassador_server.mcp.questions.elicitation import with_asking_mcp
from ambassador_server.ports.exchange import Ask, Question, Reply, error_reply

ANSWER_SECONDS: Final = 300.0
"""How long a host may take to answer a question."""


async def refuse(question: Question) -> Reply:
    """Answer a question that the host does not support with an error."""
    return error_reply(
        f"The host cannot be asked: it does not support {question.method}", Code.METHOD_NOT_FOUND
    )


def asker(conversation: Conversation | None, send: Callable[[bytes], None] | None) -> Ask:
    """Return the function that asks the host of a call; it refuses questions that the host does not support.

    `send` sends a message on the stream of the call; it is None if the host accepts no event streams.
    """
    if conversation is None or conversation.capabilities == NONE or send is None:
        return refuse

    async def ask(question: Question) -> Reply:
        if not can_be_asked(conversation.capabilities, question.method):
            return await refuse(question)
        opened = conversation.question()
        if opened is None:
            return error_reply("The host has too many questions to answer already")
        question_id, answer = opened
        params = question.params
        if question.method == "elicitation/create":
            params = with_asking_mcp(params, question.asked_by)
        try:
            send(encode_request(question_id, question.method, params))
            async with asyncio.timeout(ANSWER_SECONDS):
                return await answer
        except TimeoutError:
            return error_reply(f"The host has not answered for {ANSWER_SECONDS:g} s")
        finally:
            conversation.withdraw(question_id)

    return ask
