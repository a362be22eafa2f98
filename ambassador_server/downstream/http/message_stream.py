"""The event stream of the transport `sse`: it names where to post, then carries every message of the downstream."""

import asyncio
from collections.abc import Callable
from typing import Final

from yarl import URL

from ambassador_protocol.event_stream import EventStreamReader, ServerSentEvent
from ambassador_server.downstream.http.connection import Response
from ambassador_server.downstream.http.options import read_events
from ambassador_server.downstream.wire.messages import LARGEST_MESSAGE, Message, read_message
from ambassador_server.downstream.wire.pending_requests import PendingRequests
from ambassador_server.errors import DownstreamUnavailableError

_LONGEST_ENDPOINT: Final = 8 * 1024


class MessageStream:
    """One session: its stream is read until `ended`, which holds why; pending while it has not ended.

    `take(stream, message)` gets every message that answers no request.
    """

    def __init__(
        self, session_id: str, url: URL, response: Response, take: "Callable[[MessageStream, Message], None]"
    ) -> None:
        loop = asyncio.get_running_loop()
        self.session_id = session_id
        self.pending = PendingRequests()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.target: str | None = None
        """The path and query to which messages are posted; None until the downstream has named it."""
        self._url = url
        self._response = response
        self._take = take
        self._is_named = asyncio.Event()
        self._reading = loop.create_task(self._read())

    async def until_named(self) -> None:
        """Wait until it is known where to post; raises DownstreamUnavailableError if the stream ends before."""
        await self._is_named.wait()
        if self.ended.done():
            raise DownstreamUnavailableError(self.ended.result())

    def end(self, reason: str) -> None:
        """End the session; the requests that still wait fail with this reason."""
        if self.ended.done():
            return
        self.ended.set_result(reason)
        self._is_named.set()
        self.pending.fail_all(reason)
        self._reading.cancel()
        self._response.close()

    async def _read(self) -> None:
        reader = EventStreamReader(LARGEST_MESSAGE)
        reason = "closed its event stream"
        try:
            async for chunk in self._response.chunks():
                for event in read_events(reader, chunk):
                    await self._handle(event)
        except DownstreamUnavailableError as error:
            reason = error.message
        finally:
            self.end(reason)

    async def _handle(self, event: ServerSentEvent) -> None:
        if event.name == "endpoint" and self.target is None:
            self.target = endpoint_target(self._url, event.data)
            self._is_named.set()
        elif event.name == "message":
            message = await read_message(event.data)
            if message is None:
                self.pending.fail_unreadable(
                    event.data, event.data, "answered with something that cannot be read"
                )
            elif message.method is not None:
                self._take(self, message)
            elif message.answers is not None:
                self.pending.set_reply(message.answers, message)


def endpoint_target(url: URL, named: bytes) -> str:
    """Return the path and query of the endpoint that a downstream names, absolute or relative to the URL of its stream.

    Raises DownstreamUnavailableError for one at another origin: messages and secrets go nowhere else.
    """
    text = named[: _LONGEST_ENDPOINT + 1].decode(errors="replace")
    if not text or len(text) > _LONGEST_ENDPOINT or not text.isprintable():
        raise DownstreamUnavailableError("named an endpoint for messages that is not a URL")
    try:
        endpoint = url.join(URL(text))
        origin = (endpoint.scheme, endpoint.host, endpoint.port)
    except ValueError:
        raise DownstreamUnavailableError("named an endpoint for messages that is not a URL") from None
    if origin != (url.scheme, url.host, url.port) or endpoint.user is not None:
        raise DownstreamUnavailableError("named an endpoint for messages at another origin")
    return endpoint.raw_path_qs
