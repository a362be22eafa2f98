"""The requests on one connection that wait for their answers, which may come in any order."""

import asyncio
import re
from typing import Final

from ambassador_server.downstream.wire.messages import Message, reply_from
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.exchange import Reply

Outcome = Reply | str
"""The reply to a request, or the reason why there is none."""

# The id of an answer that cannot be read is found in its first or its last bytes.
_TAIL: Final = 200
_ID_FIRST: Final = re.compile(rb'\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*"?(\d{1,18})"?\s*,')
_ID_LAST: Final = re.compile(
    rb'[\]}"\s],\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*"?(\d{1,18})"?\s*\}\s*\Z'
)


class PendingRequests:
    """Gives each answer to the request with its number; an answer that nothing waits for is dropped."""

    def __init__(self) -> None:
        self.has_answered = False
        """Whether any request has been answered."""
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}

    def add(self, number: int) -> asyncio.Future[Outcome]:
        """Return a future for the outcome of this request."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiter
        return waiter

    def remove(self, number: int) -> None:
        """Wait no longer for this request."""
        del self._waiting[number]

    def set_reply(self, number: int, message: Message) -> None:
        """Give an answer to its request, which may have been cancelled before."""
        waiter = self._waiting.get(number)
        if waiter is None:
            return
        self.has_answered = True
        try:
            _set_outcome(waiter, reply_from(message))
        except DownstreamUnavailableError as error:
            _set_outcome(waiter, error.message)

    def fail_unreadable(self, head: bytes, tail: bytes, reason: str) -> None:
        """Fail the request whose answer cannot be read, if the first or last bytes of the answer tell which it is."""
        found = _ID_FIRST.match(head) or _ID_LAST.search(tail[-_TAIL:])
        waiter = self._waiting.get(int(found[1])) if found else None
        if waiter is not None:
            _set_outcome(waiter, reason)

    def fail_all(self, reason: str) -> None:
        """Fail every request that waits."""
        for waiter in self._waiting.values():
            _set_outcome(waiter, reason)


def _set_outcome(waiter: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not waiter.done():
        waiter.set_result(outcome)
