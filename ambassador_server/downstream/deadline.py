"""The deadline of a call, which does not run while the host has a question to answer."""

import asyncio
from types import TracebackType
from typing import Protocol, Self

from msgspec.structs import replace

from ambassador_server.ports.exchange import Ask, NeutralRequest, Question, Reply


class CallCount(Protocol):
    """Something that counts the calls in flight."""

    in_flight: int


class Deadline:
    """Bounds the time that a downstream has for a call in seconds; raises TimeoutError at the end of its block.

    After the answer to a question the whole time is left again. A call that waits for its host is not counted as one in
    flight.
    """

    def __init__(self, seconds: float, count: CallCount) -> None:
        self._seconds = seconds
        self._count = count
        self._timeout = asyncio.timeout(seconds)
        self._questions = 0
        self._is_over = False

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        if self._questions:
            self._count.in_flight += 1
        await self._timeout.__aexit__(kind, error, traceback)

    def stopped_by_questions(self, request: NeutralRequest) -> NeutralRequest:
        """Return the request with an `ask` that stops this deadline."""
        return request if request.ask is None else replace(request, ask=self._stopping(request.ask))

    def _stopping(self, ask: Ask) -> Ask:
        async def ask_host(question: Question) -> Reply:
            self._stop()
            try:
                return await ask(question)
            finally:
                self._go_on()

        return ask_host

    def _stop(self) -> None:
        if self._is_over or self._timeout.expired():
            return
        self._questions += 1
        if self._questions == 1:
            self._count.in_flight -= 1
            self._timeout.reschedule(None)

    def _go_on(self) -> None:
        if self._is_over or not self._questions:
            return
        self._questions -= 1
        if not self._questions:
            self._count.in_flight += 1
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)
