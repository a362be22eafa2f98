"""Sends notices on the event stream of a call."""

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_server.mcp.envelope import notification
from ambassador_server.ports.exchange import Notice, Tell
from ambassador_server.ports.face import FaceRequest


def reads_streams(request: FaceRequest) -> bool:
    """Tell whether the host accepts event streams."""
    return EVENT_STREAM in (request.headers.get("Accept") or "").lower()


def teller(request: FaceRequest) -> Tell | None:
    """Return the function that sends notices before the reply; None if the host accepts no event streams."""
    if not reads_streams(request):
        return None

    def tell(notice: Notice) -> None:
        request.tell(notification(notice.method, notice.params))

    return tell
