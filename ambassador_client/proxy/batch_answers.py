"""The answers to a batch of the revision 2025-03-26."""

from collections.abc import Callable
from functools import partial

Respond = Callable[[bytes | None], None]
"""Takes the answer to one message, or None for a message that gets no answer; called once for each message."""


class BatchAnswers:
    """Collects the answers to so many messages, and sends them as one array in the order of the messages."""

    def __init__(self, count: int, send: Callable[[bytes], None]) -> None:
        self._lines: list[bytes | None] = [None] * count
        self._missing = count
        self._send = send

    def respond_at(self, position: int) -> Respond:
        """Return the function that takes the answer to the message at this position."""
        return partial(self._take, position)

    def _take(self, position: int, line: bytes | None) -> None:
        self._lines[position] = line
        self._missing -= 1
        answers = [] if self._missing else [each for each in self._lines if each is not None]
        if answers:
            self._send(b"[" + b",".join(answers) + b"]")
