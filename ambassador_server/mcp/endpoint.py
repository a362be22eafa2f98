"""The `/mcp` endpoint: reads one message and passes it to the code of its era."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from ambassador_protocol.mcp import VERSION_HEADER, is_legacy
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.mcp.envelope import EnvelopeError, read_message
from ambassador_server.mcp.eras.legacy import LegacyEra
from ambassador_server.mcp.eras.modern import ModernEra
from ambassador_server.mcp.message_arrays import BATCH_VERSIONS, answer_batch, is_array
from ambassador_server.mcp.open_streams import OpenStreams
from ambassador_server.mcp.replies import refusal, unreadable
from ambassador_server.mcp.validation import check_media_types
from ambassador_server.ports.face import EventStream, FaceReply, FaceRequest

_ONLY_POST: Final = FaceReply(status=405, headers={"Allow": "POST"})


class McpEndpoint:
    """Implements `ports.face.McpFace`: the version header of a request names its era."""

    def __init__(self, *, legacy: LegacyEra, modern: ModernEra, streams: OpenStreams) -> None:
        self._legacy = legacy
        self._modern = modern
        self._streams = streams

    async def handle(self, request: FaceRequest) -> FaceReply | EventStream:
        """Answer one POST."""
        refused = check_media_types(request.headers)
        if refused is not None:
            return refusal(refused.status, None, refused.code, refused.message)
        body, version = request.body, request.headers.get(VERSION_HEADER)
        if version in BATCH_VERSIONS and is_array(body):
            return await answer_batch(request, self._legacy)
        try:
            message = read_message(body) if len(body) <= LARGE else await off_loop(read_message, body)
        except EnvelopeError as error:
            return unreadable(error)
        era = self._legacy if is_legacy(version) else self._modern
        return await era.handle(message, request)

    async def listen(self, request: FaceRequest) -> FaceReply | EventStream:
        """Answer one GET: open or resume a stream of a conversation."""
        if not is_legacy(request.headers.get(VERSION_HEADER)):
            return _ONLY_POST
        return await self._legacy.listen(request)

    def attend(self, principal: Principal, refused: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Call `refused` if nothing is permitted to the principal any more while the block runs."""
        return self._legacy.attend(principal, refused)

    def end(self, request: FaceRequest) -> FaceReply:
        """Answer one DELETE: end the conversation that the request names."""
        if not is_legacy(request.headers.get(VERSION_HEADER)):
            return _ONLY_POST
        return self._legacy.end(request)

    def close(self) -> None:
        """End every stream, and open none from now on."""
        self._streams.close()
