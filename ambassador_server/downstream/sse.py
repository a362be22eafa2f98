"""An incremental reader of server-sent events that keeps only their data."""

from ambassador_server.errors import DownstreamUnavailableError

_BOM = b"\xef\xbb\xbf"


class EventReader:
    """Turn chunks of a `text/event-stream` into the data of each event; one event may hold `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._after_return = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that this chunk completes."""
        events: list[bytes] = []
        for line in self._lines(chunk):
            if line:
                self._field(line)
            elif self._data:
                events.append(b"\n".join(self._data))
                self._data = []
                self._data_size = 0
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
        # A carriage return that ended the last chunk already ended its line: the newline after it is no line.
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *complete, rest = chunk.split(b"\n")
        lines = []
        for piece in complete:
            lines.append(b"".join([*self._pending, piece]))
            self._pending = []
            self._pending_size = 0
        if rest:
            self._pending.append(rest)
            self._pending_size += len(rest)
            self._check(self._pending_size)
        return lines

    def _field(self, line: bytes) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._data_size += len(value)
            self._check(self._data_size)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise DownstreamUnavailableError(f"answered with more than {self._limit} bytes")
