"""Notices on the stream of a call, for hosts that read streams."""

from ambassador_protocol.event_stream import EVENT_STREAM
from ambassador_server.mcp.envelope import notification
from ambassador_server.ports.exchange import Notice, Tell
from ambassador_server.ports.face import FaceRequest


def reads_streams(request: FaceRequest) -> bool:
    """Tell whether the host lists event streams among the answers that it takes."""
    return EVENT_STREAM in (request.headers.get("Accept") or "").lower()


def teller(request: FaceRequest) -> Tell | None:
    """Return what sends notices ahead of the reply; None for a host that reads no streams."""
    if not reads_streams(request):
        return None

    def tell(notice: Notice) -> None:
        request.tell(notification(notice.method, notice.params))

    return tell
