"""Forwards what a downstream says during a call: its progress, under the caller's own token, and log messages."""

from typing import Final

import msgspec

from ambassador_server.mcp.envelope import read_members, write_members
from ambassador_server.ports.exchange import Notice, Tell

PROGRESS: Final = "notifications/progress"
LOG_MESSAGE: Final = "notifications/message"
PROGRESS_TOKEN: Final = "progressToken"
MOST_NOTIFICATIONS: Final = 10_000
"""How many notifications of one call are forwarded; further ones are dropped, the result is not."""
_LONGEST_TOKEN: Final = 256

_token_decoder = msgspec.json.Decoder(int | str)


def teller_of_call(token: bytes | None, log_level: str | None, tell: Tell | None) -> Tell | None:
    """Return a function that sends what the caller wants to hear; None if that is nothing.

    `token` is the caller's raw progress token; without a log level no log messages are sent.
    """
    if token is not None and not _is_token(token):
        token = None
    if tell is None or (token is None and log_level is None):
        return None
    raw_token = None if token is None else msgspec.Raw(token)
    left = MOST_NOTIFICATIONS

    def tell_caller(notice: Notice) -> None:
        nonlocal left
        if not left:
            return
        if notice.method == PROGRESS and raw_token is not None:
            left -= 1
            members = read_members(notice.params)
            members[PROGRESS_TOKEN] = raw_token
            tell(Notice(notice.method, write_members(members)))
        elif notice.method == LOG_MESSAGE and log_level is not None:
            left -= 1
            tell(notice)

    return tell_caller


def _is_token(raw: bytes) -> bool:
    if len(raw) > _LONGEST_TOKEN:
        return False
    try:
        _token_decoder.decode(raw)
    except msgspec.MsgspecError:
        return False
    return True
