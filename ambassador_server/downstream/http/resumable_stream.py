"""Reads an event stream over several connections, as the legacy era allows since 2025-03-26.

A downstream that gives its events ids continues the stream after a GET with `Last-Event-ID`. So a connection that
breaks, or that the downstream closes during a long call, loses no answer, and nothing runs twice. Before the GET comes
the pause that the downstream asked for with `retry`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from ambassador_protocol.backoff import Backoff
from ambassador_protocol.event_stream import EventStreamReader
from ambassador_server.downstream.http.connection import NoAnswerError, Response
from ambassador_server.downstream.http.options import read_events

MOST_FAILURES: Final = 5
"""How many attempts in a row may fail before the stream is given up."""
_MOST_CONNECTIONS: Final = 1000
_SHORTEST_PAUSE: Final = 0.1
_BACKOFF: Final = Backoff(1.0, 15.0)

Resume = Callable[[str], Awaitable[Response | None]]
"""Asks for the rest of the stream after the event with this id; returns None if another attempt may succeed.

Raises DownstreamUnavailableError or SessionLostError if none can.
"""


class ResumableStream:
    """One stream of events of at most `limit` bytes; `response` is that of the connection which is read now.

    The number of connections is bounded; the time has to be bounded by the reader.
    """

    def __init__(self, response: Response, resume: Resume | None, limit: int) -> None:
        self.response = response
        self.retry_seconds = 0.0
        """The pause that the downstream asked for; 0 if it did not."""
        self._resume = resume
        self._limit = limit
        self._last_id = ""
        self._failures = 0

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the data of each event; raises NoAnswerError if the stream breaks and cannot be resumed."""
        for _ in range(_MOST_CONNECTIONS):
            reader = EventStreamReader(self._limit)
            broken: NoAnswerError | None = None
            try:
                async for chunk in self.response.chunks():
                    for event in read_events(reader, chunk):
                        yield event.data
            except NoAnswerError as error:
                broken = error
            self._learn(reader, broken)
            resumed = await self._resumed()
            if resumed is None:
                if broken is not None:
                    raise broken
                return
            self.response = resumed

    def _learn(self, reader: EventStreamReader, broken: NoAnswerError | None) -> None:
        """Keep what is needed to resume; a connection that ended properly or had a new event was no failure."""
        if broken is None or reader.last_id not in ("", self._last_id):
            self._failures = 0
        self._last_id = reader.last_id or self._last_id
        self.retry_seconds = reader.retry_seconds or self.retry_seconds

    async def _resumed(self) -> Response | None:
        """Return a connection on which the stream continues, or None."""
        if self._resume is None or not self._last_id:
            return None
        while self._failures < MOST_FAILURES:
            await asyncio.sleep(self._pause())
            self._failures += 1
            try:
                response = await self._resume(self._last_id)
            except NoAnswerError:
                continue
            if response is not None:
                return response
        return None

    def _pause(self) -> float:
        if self.retry_seconds and not self._failures:
            return max(self.retry_seconds, _SHORTEST_PAUSE)
        return max(self.retry_seconds, _BACKOFF.after(self._failures + 1))
