"""Passes the questions of a downstream about one request to the host, and the answers back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.downstream.wire.messages import Message, encode_answer, encode_refusal, encode_response
from ambassador_server.downstream.wire.params import read_members
from ambassador_server.errors import InvalidInputError
from ambassador_server.ports.exchange import Ask, Question, error_reply

MAX_OPEN: Final = 16
"""The maximum number of questions of one request that wait for the host; more are refused."""
MOST_ASKED: Final = 100
"""The maximum number of questions of one request; more are refused."""

CANCELLED: Final = "notifications/cancelled"

Send = Callable[[bytes], Awaitable[None]]
"""Sends one message to the downstream."""


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: int | float | str


_cancelled_decoder = msgspec.json.Decoder(_Cancelled)


class OpenQuestions:
    """The open questions of one request; they are cancelled when the request ends.

    Without `ask` every question is refused. A downstream that does not wait for answers gets none at all.
    """

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self._asked = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_id: dict[Any, asyncio.Task[None]] = {}

    def put(self, message: Message, send: Send) -> None:
        """Answer a request of the downstream in the background: a question by asking the host, a ping at once."""
        if len(self._tasks) >= 2 * MAX_OPEN:
            return
        task = asyncio.get_running_loop().create_task(self._answer(message, send))
        self._tasks.add(task)
        self._by_id[message.id] = task
        task.add_done_callback(lambda done: self._forget(message.id, done))

    def cancelled(self, params: bytes) -> None:
        """Withdraw the question that a notification of the downstream names, if it is open; it gets no answer."""
        if not self._by_id:
            return
        try:
            task = self._by_id.get(_cancelled_decoder.decode(params).request_id)
        except (msgspec.DecodeError, RecursionError):
            return
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Cancel the questions that have no answer yet."""
        for task in self._tasks:
            task.cancel()

    def _forget(self, question_id: Any, done: asyncio.Task[None]) -> None:
        self._tasks.discard(done)
        if self._by_id.get(question_id) is done:
            del self._by_id[question_id]

    async def _answer(self, message: Message, send: Send) -> None:
        method = message.method or ""
        if self._ask is None or method not in QUESTIONS:
            await send(encode_answer(message))
        elif len(self._tasks) > MAX_OPEN or self._asked >= MOST_ASKED:
            await send(encode_refusal(message, "Too many questions in one request"))
        else:
            self._asked += 1
            params = _without_task(bytes(message.params) or b"{}")
            if not params.startswith(b"{"):
                refusal = error_reply(f"The params of {method} are not an object", Code.INVALID_PARAMS)
                await send(encode_response(message, refusal))
                return
            reply = await self._ask(Question(method, params))
            await send(encode_response(message, reply))


def _without_task(params: bytes) -> bytes:
    """Return the params without `task`: hosts are asked for answers, not for tasks that give them later."""
    if b'"task"' not in params:
        return params
    try:
        members = read_members(params, "params")
    except InvalidInputError:
        return params
    members.pop("task", None)
    return msgspec.json.encode(members)
