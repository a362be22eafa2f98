"""Keeps the last events that were sent to legacy hosts, so that a host can resume a stream that broke.

The id of an event names the conversation, the stream and the number of the event in it. What is kept is bounded, for
one conversation and in all; a stream of which a needed event is gone cannot be resumed.
"""

import re
import secrets
from collections import OrderedDict, deque
from typing import Final

from ambassador_server.mcp.open_streams import OpenStream
from ambassador_server.ports.face import Event

MOST_EVENTS: Final = 256
"""How many events of one conversation are kept."""
MOST_BYTES: Final = 1024 * 1024
"""How many bytes of the events of one conversation are kept."""
MOST_BYTES_IN_ALL: Final = 64 * 1024 * 1024

_ID: Final = re.compile(r"([0-9a-f]{16})-([0-9]{1,9})-([0-9]{1,9})", re.ASCII)
SERVER_STREAM: Final = 0
"""The number of the stream that does not belong to a call."""


class _Kept:
    __slots__ = ("conversation", "event", "number", "stream")

    def __init__(self, conversation: "SentEvents", stream: "SentStream", number: int, event: Event) -> None:
        self.conversation = conversation
        self.stream = stream
        self.number = number
        self.event = event


class SentStream:
    """The events of one stream; `reader` is a connection that has resumed it and gets what is still to come."""

    def __init__(self, conversation: "SentEvents", number: int) -> None:
        self.number = number
        self.reader: OpenStream | None = None
        self.kept = 0
        self.last = 0
        self.is_done = False
        self._conversation = conversation

    def add(self, message: bytes) -> Event:
        """Keep a message, send it to the reader if there is one, and return it as an event."""
        self.last += 1
        event = Event(message, self.position().id)
        self._conversation.keep(self, event)
        if self.reader is not None:
            self.reader.put(event)
        return event

    def position(self) -> Event:
        """Return an event without a message: the host can resume the stream from here."""
        return Event(b"", f"{self._conversation.tag}-{self.number}-{self.last}")

    def end(self) -> None:
        """Say that no more events will come."""
        self.is_done = True
        if self.reader is not None:
            self.reader.end()
        self._conversation.forget_if_gone(self)


class Resumption:
    """Where a host wants to go on: `stream` is None if the events are not of this conversation.

    `missed` are the events since then, None if some of them are gone.
    """

    def __init__(self, number: int, stream: SentStream | None, missed: list[Event] | None) -> None:
        self.is_server_stream = number == SERVER_STREAM
        self.stream = stream
        self.missed = missed


class SentEvents:
    """The events of one conversation."""

    def __init__(self, all_kept: "KeptEvents") -> None:
        self.tag = secrets.token_hex(8)
        self.server_stream = SentStream(self, SERVER_STREAM)
        self._all_kept = all_kept
        self._streams: dict[int, SentStream] = {SERVER_STREAM: self.server_stream}
        self._last_stream = SERVER_STREAM
        self._events: deque[_Kept] = deque()
        self._size = 0

    def begin_stream(self) -> SentStream:
        """Return the stream of another call."""
        self._last_stream += 1
        stream = self._streams[self._last_stream] = SentStream(self, self._last_stream)
        return stream

    def keep(self, stream: SentStream, event: Event) -> None:
        """Keep an event, and drop the oldest ones beyond the bounds."""
        if len(event.message) > MOST_BYTES:
            return
        stream.kept += 1
        kept = _Kept(self, stream, stream.last, event)
        self._events.append(kept)
        self._size += len(event.message)
        self._all_kept.add(kept)
        while len(self._events) > MOST_EVENTS or self._size > MOST_BYTES:
            self.drop_oldest()

    def drop_oldest(self) -> None:
        """Keep the oldest event no longer."""
        kept = self._events.popleft()
        self._size -= len(kept.event.message)
        self._all_kept.forget(kept)
        kept.stream.kept -= 1
        self.forget_if_gone(kept.stream)

    def forget_if_gone(self, stream: SentStream) -> None:
        """Forget a stream that has ended and of which nothing is kept."""
        if stream.is_done and not stream.kept:
            self._streams.pop(stream.number, None)

    def of_server_stream(self) -> list[Event]:
        """Return what was to be told before the host opened the stream that belongs to no call."""
        return [each.event for each in self._events if each.stream is self.server_stream]

    def resume(self, last_id: str) -> Resumption | None:
        """Return where the host wants to go on; None for an id that is not one of this server."""
        found = _ID.fullmatch(last_id)
        if found is None:
            return None
        number, last = int(found[2]), int(found[3])
        stream = self._streams.get(number) if found[1] == self.tag else None
        if stream is None or last > stream.last:
            return Resumption(number, None, None)
        missed = [each.event for each in self._events if each.stream is stream and each.number > last]
        is_complete = len(missed) == stream.last - last
        return Resumption(number, stream, missed if is_complete else None)

    def forget(self) -> None:
        """Keep nothing, and end the readers."""
        while self._events:
            self.drop_oldest()
        for stream in tuple(self._streams.values()):
            if stream.reader is not None:
                stream.reader.end()


class KeptEvents:
    """The kept events of all conversations; beyond the bound the oldest ones are dropped."""

    def __init__(self) -> None:
        self.size = 0
        self._events: OrderedDict[_Kept, None] = OrderedDict()

    def add(self, kept: _Kept) -> None:
        """Count an event."""
        self._events[kept] = None
        self.size += len(kept.event.message)
        while self.size > MOST_BYTES_IN_ALL:
            next(iter(self._events)).conversation.drop_oldest()

    def forget(self, kept: _Kept) -> None:
        """Count an event no longer."""
        del self._events[kept]
        self.size -= len(kept.event.message)
