"""JSON-RPC as it goes over any transport: bodies stay raw bytes, only the envelope is read or written."""

from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ambassador_protocol.jsonrpc import Code
from ambassador_server.errors import DownstreamUnavailableError
from ambassador_server.ports.downstream import Reply

LARGEST_MESSAGE = 64 * 1024 * 1024
"""The largest answer, in bytes, that is taken from a downstream."""


class Message(msgspec.Struct):
    """The envelope of anything a downstream sends; an absent body is empty."""

    # Demanded, so that a log line that happens to be JSON is never taken for a message.
    jsonrpc: Literal["2.0"]
    id: int | str | UnsetType | None = UNSET
    method: str | None = None
    params: Raw = Raw()
    result: Raw = Raw()
    error: Raw = Raw()

    @property
    def is_request(self) -> bool:
        """Tell whether the downstream asks us something; a null id can be answered to nobody."""
        return self.method is not None and self.id is not UNSET and self.id is not None

    @property
    def is_notification(self) -> bool:
        """Tell whether the downstream only tells us something."""
        return self.method is not None and (self.id is UNSET or self.id is None)


_decoder = msgspec.json.Decoder(Message)


def decode_message(data: bytes) -> Message | None:
    """Read an envelope, or return None for what is not one; invalid UTF-8 is replaced, not refused."""
    try:
        return _decoder.decode(_mend(data))
    # RecursionError: nesting deeper than the interpreter allows is the sender's fault, like any other garbage.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def reply_from(message: Message) -> Reply:
    """Return the answer that the message holds; some servers write `"error": null` beside a result."""
    error = bytes(message.error)
    if error.startswith(b"{"):
        return Reply(result=None, error=error)
    result = bytes(message.result)
    if not result:
        raise DownstreamUnavailableError("answered with neither a result nor an error")
    return Reply(result=result, error=None)


def encode_request(number: int, method: str, params: bytes) -> bytes:
    """Write a request; `params` is a raw JSON object and goes in as it is."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (number, _quoted(method), params or b"{}")


def encode_notification(method: str, params: bytes) -> bytes:
    """Write a notification."""
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (_quoted(method), params or b"{}")


def encode_cancelled(number: int) -> bytes:
    """Write the notification that nobody waits for this request any more."""
    return encode_notification("notifications/cancelled", b'{"requestId":%d}' % number)


def encode_answer(request: Message) -> bytes:
    """Answer a downstream's own request: we declare no capability, so `ping` is all it may ask."""
    head = b'{"jsonrpc":"2.0","id":%b,' % msgspec.json.encode(request.id)
    if request.method == "ping":
        return head + b'"result":{}}'
    return head + b'"error":{"code":%d,"message":"Method not found"}}' % Code.METHOD_NOT_FOUND


@lru_cache(maxsize=64)
def _quoted(method: str) -> bytes:
    return msgspec.json.encode(method)


def _mend(data: bytes) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="replace").encode()
    return data
