"""Server-Sent Events, as the server sends them: fields `id`, `event` and `data`, a blank line behind each."""

from dataclasses import dataclass

from ambassador_admin.errors import BadAnswerError

_LARGEST_EVENT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event; what was not sent is the empty text."""

    name: str
    id: str
    data: bytes


class EventReader:
    """Cuts a stream of bytes into events; a line ends with a line feed and nothing else, whatever is in the data."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[bytes, bytes] = {}

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Take what came and return the events that are complete now."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LARGEST_EVENT:
            raise BadAnswerError("The server sends an event that never ends.")
        return [event for line in lines if (event := self._take(line.removesuffix(b"\r"))) is not None]

    def _take(self, line: bytes) -> ServerEvent | None:
        if line:
            field, _, value = line.partition(b":")
            self._fields[field] = value.removeprefix(b" ")
            return None
        fields, self._fields = self._fields, {}
        name, place = (fields.get(each, b"").decode(errors="replace") for each in (b"event", b"id"))
        return ServerEvent(name, place, fields.get(b"data", b""))
