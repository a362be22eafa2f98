"""Maps the progress tokens of one session to the calls that asked for progress."""

import itertools
from typing import Final

import msgspec

from ambassador_server.ports.exchange import Notice, Tell

PROGRESS: Final = "notifications/progress"
PROGRESS_TOKEN: Final = "progressToken"
LARGEST_PROGRESS: Final = 16 * 1024
"""The largest params, in bytes, that a progress notification may have; a larger one is dropped."""


class _Params(msgspec.Struct, rename="camel"):
    progress_token: int
    progress: int | float


_decoder = msgspec.json.Decoder(_Params)


class ProgressTokens:
    """Our own tokens for the running calls, so that a downstream does not learn the callers' tokens.

    A notification that is malformed or names no running call of this session is dropped.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._handlers: dict[int, Tell] = {}

    def issue(self, handler: Tell) -> int:
        """Return a new token, valid until it is withdrawn."""
        token = next(self._numbers)
        self._handlers[token] = handler
        return token

    def withdraw(self, token: int) -> None:
        """Drop notifications with this token from now on."""
        del self._handlers[token]

    def notified(self, params: bytes) -> None:
        """Pass the raw params of one notification to its call."""
        if not self._handlers or len(params) > LARGEST_PROGRESS:
            return
        try:
            token = _decoder.decode(params).progress_token
        except (msgspec.DecodeError, RecursionError):
            return
        handler = self._handlers.get(token)
        if handler is not None:
            handler(Notice(PROGRESS, params))
