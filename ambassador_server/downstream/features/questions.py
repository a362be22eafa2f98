"""Passes questions that a downstream asks on the stream of a request to the host, and the answers back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.downstream.wire.messages import Message, encode_answer, encode_refusal, encode_response
from ambassador_server.ports.exchange import Ask, Question

MAX_OPEN: Final = 16
"""The maximum number of questions of one request that wait for the host; more are refused."""


class OpenQuestions:
    """The open questions of one request; they are cancelled when the request ends."""

    def __init__(self, ask: Ask | None, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._ask = ask
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, message: Message) -> None:
        """Answer a request of the downstream in the background: a question by asking the host, a ping at once."""
        if len(self._tasks) >= 2 * MAX_OPEN:
            return
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Cancel the questions that have no answer yet."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, message: Message) -> None:
        method = message.method or ""
        if self._ask is None or method not in QUESTIONS:
            await self._send(encode_answer(message))
        elif len(self._tasks) > MAX_OPEN:
            await self._send(encode_refusal(message, "Too many questions at once"))
        else:
            reply = await self._ask(Question(method, bytes(message.params) or b"{}"))
            await self._send(encode_response(message, reply))
