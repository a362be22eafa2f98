"""The event stream of a call: what is sent to the host before the answer, and the answer itself."""

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_protocol.mcp import LATEST_LEGACY, VERSION_HEADER
from ambassador_server.mcp.envelope import notification
from ambassador_server.mcp.sent_events import SentEvents, SentStream
from ambassador_server.ports.exchange import Notice, Tell
from ambassador_server.ports.face import Event, FaceReply, FaceRequest


def reads_streams(request: FaceRequest) -> bool:
    """Tell whether the host accepts event streams."""
    return EVENT_STREAM in (request.headers.get("Accept") or "").lower()


class AnswerStream:
    """The stream of a call that ends with its connection."""

    __slots__ = ("_request",)

    def __init__(self, request: FaceRequest) -> None:
        self._request = request

    def teller(self) -> Tell | None:
        """Return the function that sends notices; None if the host accepts no event streams."""
        return self._tell if reads_streams(self._request) else None

    def ask(self, message: bytes) -> None:
        """Send a question."""
        self._request.ask(Event(message))

    def _tell(self, notice: Notice) -> None:
        self._request.tell(Event(notification(notice.method, notice.params)))

    def end(self, reply: FaceReply) -> FaceReply:
        """Return the reply as it is sent."""
        return reply


class ResumableStream(AnswerStream):
    """The stream of a call of a legacy host, which can be resumed on another connection.

    The call goes on for a while when the connection is lost. What it sends is kept from the moment on at which the
    host could know of a stream.
    """

    __slots__ = ("_sent", "_stream")

    def __init__(self, request: FaceRequest, sent: SentEvents) -> None:
        super().__init__(request)
        self._sent = sent
        self._stream: SentStream | None = None
        request.outlive(self._first_event)

    def ask(self, message: bytes) -> None:
        """Send a question."""
        event, is_resumed = self._add(message)
        if not is_resumed:
            self._request.ask(event)

    def _tell(self, notice: Notice) -> None:
        event, is_resumed = self._add(notification(notice.method, notice.params))
        if not is_resumed:
            self._request.tell(event)

    def end(self, reply: FaceReply) -> FaceReply:
        """Return the reply as it is sent; it is empty if the host gets it on another connection."""
        stream = self._stream
        if stream is None:
            return reply
        is_resumed = stream.reader is not None
        event_id = stream.add(reply.body).id if reply.body else ""
        stream.end()
        if is_resumed:
            return FaceReply(status=reply.status)
        return FaceReply(status=reply.status, body=reply.body, headers=reply.headers, event_id=event_id)

    def _first_event(self) -> Event | None:
        """Begin the stream; hosts of older versions take an event without a message for a broken one."""
        if self._stream is not None or self._request.headers.get(VERSION_HEADER) != LATEST_LEGACY:
            return None
        return self._add(b"")[0]

    def _add(self, message: bytes) -> tuple[Event, bool]:
        if self._stream is None:
            self._stream = self._sent.begin_stream()
        return self._stream.add(message), self._stream.reader is not None
