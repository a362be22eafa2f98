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
    """Lets every answer in `waiting` send a comment now and then; one timer serves all.

    An answer puts itself into the set and takes itself out, because every request does both. `run` starts the timer,
    which stops when the set is empty.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.waiting: set[Waiting] = set()
        self.is_running = False

    def run(self) -> None:
        """Start the timer."""
        self.is_running = True
        asyncio.get_running_loop().call_later(self.seconds, self._tick)

    def _tick(self) -> None:
        for answer in tuple(self.waiting):
            answer.keep_alive()
        if self.waiting:
            self.run()
        else:
            self.is_running = False
