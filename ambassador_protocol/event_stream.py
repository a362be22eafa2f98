"""Reads Server-Sent Events (`text/event-stream`) as the HTML standard defines them.

The reader stores at most one incomplete event.
"""

from typing import Final, NamedTuple

EVENT_STREAM: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"
"""The header by which a stream is resumed."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LONGEST_NAME: Final = 16
_LONGEST_ID: Final = 1024
_RETRY_DIGITS: Final = 12


class EventTooLargeError(ValueError):
    """An event exceeds the limit; the rest of the stream cannot be read."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event of more than {limit} bytes")
        self.limit = limit


class ServerSentEvent(NamedTuple):
    """One event; `id` is the last event id of the stream when the event was completed."""

    data: bytes
    name: str
    id: str


class EventStreamReader:
    """Splits the bytes of a stream into events of at most `limit` bytes; chunks can have any size.

    The last event id and the retry time belong to the stream; they are also taken from events without data.
    """

    def __init__(self, limit: int) -> None:
        self.last_id = ""
        """The value for `Last-Event-ID` to resume the stream; empty before the first id."""
        self.retry_seconds = 0.0
        """The time in seconds to wait before reconnecting, as the server requests; 0 if it does not."""
        self._limit = limit
        self._longest_line = limit + _LONGEST_NAME
        self._id = ""
        self._name = ""
        self._data: bytes | None = None
        # Not a list, whose overhead is large for small pieces.
        self._more_data = bytearray()
        self._line = bytearray()
        self._after_return = False
        self._at_start = True

    @property
    def size(self) -> int:
        """Return the number of stored bytes of an incomplete event."""
        return len(self._line) + len(self._data or b"") + len(self._more_data)

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Return the events that this chunk completes; raises EventTooLargeError."""
        if self._after_return or b"\r" in chunk:
            chunk = self._with_newlines(chunk)
        *lines, rest = chunk.split(b"\n")
        if lines and (self._line or self._at_start):
            lines[0] = self._end_line(lines[0])
        events: list[ServerSentEvent] = []
        for line in lines:
            if not line:
                self._end_event(events)
            elif line.startswith(b"data: "):
                self._take_data(line[6:])
            else:
                self._take_field(line)
        if rest:
            self._line += rest
            if len(self._line) > self._longest_line:
                raise EventTooLargeError(self._limit)
        return events

    def _with_newlines(self, chunk: bytes) -> bytes:
        """Replace all line ends by newlines; the newline of a pair may be in the next chunk."""
        if not chunk:
            return chunk
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _end_line(self, end: bytes) -> bytes:
        if self._line:
            self._line += end
            end = bytes(self._line)
            self._line.clear()
        if self._at_start:
            self._at_start = False
            end = end.removeprefix(_BYTE_ORDER_MARK)
        return end

    def _take_field(self, line: bytes) -> None:
        if len(line) > self._longest_line:
            raise EventTooLargeError(self._limit)
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._take_data(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"id":
            self._take_id(value)
        elif name == b"retry" and value.isdigit():
            self.retry_seconds = int(value[:_RETRY_DIGITS]) / 1000

    def _take_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
        else:
            self._more_data += b"\n"
            self._more_data += value
        if len(self._data) + len(self._more_data) > self._limit:
            raise EventTooLargeError(self._limit)

    def _take_id(self, value: bytes) -> None:
        # The id is sent back in a header, which cannot have control characters.
        if len(value) <= _LONGEST_ID and value.isascii():
            text = value.decode()
            if text.isprintable() and " " not in text:
                self._id = text

    def _end_event(self, events: list[ServerSentEvent]) -> None:
        self.last_id = self._id
        data = self._data
        if data is not None:
            if self._more_data:
                data += self._more_data
                self._more_data.clear()
            events.append(ServerSentEvent(data, self._name or "message", self._id))
            self._data = None
        self._name = ""
