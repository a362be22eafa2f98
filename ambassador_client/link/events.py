"""The parser of `text/event-stream` bodies."""

import re

from ambassador_client.errors import TooLargeError

_ID = re.compile(rb"[\x21-\x7e]{1,1024}")  # it goes back in a header
_LONGEST_RETRY = 60.0


class EventParser:
    """Feed it chunks of any size; it returns the data of every event that is complete and has any."""

    def __init__(self, limit: int) -> None:
        self.last_id = ""
        self.retry_seconds = 0.0
        self._limit = limit
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._after_carriage_return = False
        self._at_start = True

    @property
    def size(self) -> int:
        """Return how many bytes of an unfinished event are kept."""
        return self._size

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end in this chunk; raises TooLargeError for one above the limit."""
        if not chunk:
            return []
        *lines, rest = self._normalised(chunk).split(b"\n")
        events = [event for line in lines if (event := self._end_line(line)) is not None]
        self._take(rest)
        return events

    def _normalised(self, chunk: bytes) -> bytes:
        if self._after_carriage_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_carriage_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, piece: bytes) -> None:
        self._line += piece
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLargeError("the server sent an event that is too large", "Ask for less at once.")

    def _end_line(self, end: bytes) -> bytes | None:
        self._take(end)
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        if line:
            self._take_field(line)
            return None
        event = b"\n".join(self._data)
        self._data.clear()
        self._size = 0
        return event or None

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            return
        self._size -= len(line)
        if name == b"id" and _ID.fullmatch(value):
            self.last_id = value.decode()
        elif name == b"retry" and value.isdigit():
            self.retry_seconds = min(int(value[:9]) / 1000, _LONGEST_RETRY)
