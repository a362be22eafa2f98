"""Whose progress a notification tells of: the tokens that one connection has given away."""

import itertools
from typing import Final

import msgspec

from ambassador_server.ports.downstream import ProgressHandler

LARGEST_PROGRESS: Final = 16 * 1024
"""The largest params, in bytes, that a progress notification may have; a larger one is dropped."""


class _Params(msgspec.Struct, rename="camel"):
    progress_token: int
    progress: int | float


_decoder = msgspec.json.Decoder(_Params)


class ProgressTokens:
    """Tokens of our own for the calls that run: no downstream learns what a caller named its call.

    Whatever names no call that runs over this connection is dropped, and so is what makes no sense.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._handlers: dict[int, ProgressHandler] = {}

    def give(self, handler: ProgressHandler) -> int:
        """Return a new token, good until it is taken back."""
        token = next(self._numbers)
        self._handlers[token] = handler
        return token

    def take_back(self, token: int) -> None:
        """Drop from now on what names this token."""
        del self._handlers[token]

    def notified(self, params: bytes) -> None:
        """Pass on the raw params of one notification."""
        if not self._handlers or len(params) > LARGEST_PROGRESS:
            return
        try:
            token = _decoder.decode(params).progress_token
        except (msgspec.DecodeError, RecursionError):
            return
        handler = self._handlers.get(token)
        if handler is not None:
            handler(params)
