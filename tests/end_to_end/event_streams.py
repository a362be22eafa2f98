"""Reads the event streams that a server keeps open, message by message, with the ids of their events."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ambassador_protocol.event_stream import EventStreamReader, ServerSentEvent
from tests.end_to_end.faces import MODERN
from tests.end_to_end.legacy_host import LegacyHost
from tests.end_to_end.world import Caller

UPDATED = "notifications/resources/updated"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
EVERYTHING = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


def changed(kind: str) -> str:
    """Return the name of a notification."""
    return f"notifications/{kind}/list_changed"


class OpenStream:
    """One open stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._pieces = answer.iter_raw()
        self._reader = EventStreamReader(2**24)
        self._events: deque[ServerSentEvent] = deque()

    @property
    def last_id(self) -> str:
        """Return the id of the last event that arrived, of those without a message, too."""
        return self._reader.last_id

    def begin(self) -> None:
        """Wait until the stream can be resumed."""
        while not self.last_id:
            self._events.extend(self._reader.feed(next(self._pieces)))

    def next(self) -> dict[str, Any]:
        """Return the next message; fails if the stream ends before."""
        while True:
            while self._events:
                if event := self._events.popleft().data:
                    message: dict[str, Any] = json.loads(event)
                    return message
            self._events.extend(self._reader.feed(next(self._pieces)))

    def methods(self, number: int) -> list[str]:
        """Return the methods of the next messages, sorted."""
        return sorted(self.next()["method"] for _ in range(number))

    def rest(self) -> list[dict[str, Any]]:
        """Return the messages up to the end of the stream."""
        for piece in self._pieces:
            self._events.extend(self._reader.feed(piece))
        return [json.loads(each.data) for each in self._events if each.data]


@contextmanager
def own_stream(host: LegacyHost, last_id: str | None = None) -> Iterator[OpenStream]:
    """Open the stream of a conversation, or resume one."""
    headers = {**host.headers(), "Accept": "text/event-stream"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    with host.caller.http.stream("GET", "/mcp", headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        stream = OpenStream(answer)
        if last_id is None:
            stream.begin()
        yield stream


@contextmanager
def subscribed(caller: Caller, wanted: dict[str, Any], number: Any = 9) -> Iterator[OpenStream]:
    """Open a stream of the modern era."""
    wire = MODERN.request(caller.secret, "subscriptions/listen", {"notifications": wanted}, number)
    with caller.http.stream("POST", wire.path, headers=wire.headers, content=wire.body) as answer:
        assert answer.status_code == 200, answer.read()
        yield OpenStream(answer)
