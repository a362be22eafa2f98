"""The parser of `text/event-stream` bodies."""

from ambassador_client.errors import TooLargeError


class EventParser:
    """Feed it chunks of any size; it returns the data of every event that is complete."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._size = 0
        self._after_carriage_return = False
        self._at_start = True

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
        self._line.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLargeError("the server sent an event that is too large", "Ask for less at once.")

    def _end_line(self, end: bytes) -> bytes | None:
        self._take(end)
        line = b"".join(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            else:
                self._size -= len(line)
            return None
        event = b"\n".join(self._data) if self._data else None
        self._data.clear()
        self._size = 0
        return event
