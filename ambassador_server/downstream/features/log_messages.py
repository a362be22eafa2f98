"""Log messages of downstreams: the level that a legacy session has, and which messages a request gets."""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec

from ambassador_server.downstream.features.pages import Request
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.exchange import NeutralRequest, Notice, Tell

LOG_MESSAGE: Final = "notifications/message"
MOST_LOG_MESSAGES: Final = 10_000
"""How many log messages of one request are passed on; further ones are dropped, the result is not."""
MOST_LOG_BYTES: Final = 8 * 1024 * 1024
"""How many bytes the params of these messages may have in all."""
LARGEST_LOG_MESSAGE: Final = 64 * 1024
"""The largest params, in bytes, that a log message may have; a larger one is dropped."""
_SET_SECONDS: Final = 5.0

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}


class _Params(msgspec.Struct):
    level: str


_decoder = msgspec.json.Decoder(_Params)


def log_teller(request: NeutralRequest) -> Tell | None:
    """Return the function that passes on log messages of the level the request asks for; None if it wants none."""
    tell, least = request.tell, _RANKS.get(request.log_level or "")
    if tell is None or least is None:
        return None
    passed, wanted, left, room = tell, least, MOST_LOG_MESSAGES, MOST_LOG_BYTES

    def tell_log(notice: Notice) -> None:
        nonlocal left, room
        size = len(notice.params)
        if not left or size > min(room, LARGEST_LOG_MESSAGE):
            return
        try:
            rank = _RANKS.get(_decoder.decode(notice.params).level, -1)
        except (msgspec.DecodeError, RecursionError):
            return
        if rank >= wanted:
            left -= 1
            room -= size
            passed(notice)

    return tell_log


class SessionLogLevel:
    """Keeps a legacy session at the most verbose level that a running request asks for.

    It is set when a request begins, so that requests without a level cost nothing.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._running = [0] * len(LEVELS)
        self._set: int | None = None
        self._setting = asyncio.Lock()

    def forget(self) -> None:
        """Take the level for unset, because the session is a new one."""
        self._set = None

    async def begin(self, level: str) -> None:
        """Set the level that is needed now; a downstream that refuses it is left as it is."""
        self._running[_RANKS[level]] += 1
        async with self._setting:
            wanted = next((rank for rank, count in enumerate(self._running) if count), None)
            if wanted is None or wanted == self._set:
                return
            self._set = wanted
            params = msgspec.json.encode({"level": LEVELS[wanted]})
            with suppress(AmbassadorError, TimeoutError):
                async with asyncio.timeout(_SET_SECONDS):
                    await self._request("logging/setLevel", params)

    def end(self, level: str) -> None:
        """Need this level no longer for one request."""
        self._running[_RANKS[level]] -= 1
