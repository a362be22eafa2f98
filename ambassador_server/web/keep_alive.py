"""Keeps the connections of long answers open: proxies close one on which nothing is sent for long."""

import asyncio
from typing import Final, Protocol

SECONDS: Final = 15.0
"""How often something is sent on every event stream."""
COMMENT: Final = b": keep-alive\n\n"


class Waiting(Protocol):
    """An answer that is being waited for."""

    def keep_alive(self) -> None:
        """Send a comment, unless something was sent since the last time."""
        ...


class KeepAlive:
    """Lets every answer that is being waited for send a comment now and then; one timer serves all."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._waiting: dict[Waiting, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def join(self, answer: Waiting) -> None:
        """Keep an answer alive from now on."""
        self._waiting[answer] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.seconds, self._tick)

    def leave(self, answer: Waiting) -> None:
        """Keep an answer alive no longer."""
        self._waiting.pop(answer, None)

    def _tick(self) -> None:
        self._timer = None
        for answer in tuple(self._waiting):
            answer.keep_alive()
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(self.seconds, self._tick)
