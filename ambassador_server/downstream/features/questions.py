"""Questions that a downstream asks on the stream of the request it works on, and the way of their answers back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.downstream.wire.messages import Message, encode_answer, encode_refusal, encode_response
from ambassador_server.ports.exchange import Ask, Question

MOST_OPEN: Final = 16
"""How many questions of one request may wait for the host at a time; those beyond are refused."""


class OpenQuestions:
    """The questions of one request. They end with it: nobody is asked for a call that is over."""

    def __init__(self, ask: Ask | None, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._ask = ask
        self._send = send
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, message: Message) -> None:
        """Answer a request of the downstream, without waiting: a question by asking the host, a ping at once."""
        if len(self._tasks) >= 2 * MOST_OPEN:
            return
        task = asyncio.get_running_loop().create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Take back what is not answered yet."""
        for task in self._tasks:
            task.cancel()

    async def _answer(self, message: Message) -> None:
        method = message.method or ""
        if self._ask is None or method not in QUESTIONS:
            await self._send(encode_answer(message))
        elif len(self._tasks) > MOST_OPEN:
            await self._send(encode_refusal(message, "Too many questions at once"))
        else:
            reply = await self._ask(Question(method, bytes(message.params) or b"{}"))
            await self._send(encode_response(message, reply))
