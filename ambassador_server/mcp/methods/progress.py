"""notifications/progress: forwards the progress of a call from the downstream under the caller's own token."""

from typing import Final

import msgspec

from ambassador_server.mcp.envelope import read_members, write_members
from ambassador_server.ports.exchange import Notice, Tell

PROGRESS_TOKEN: Final = "progressToken"
MOST_NOTIFICATIONS: Final = 10_000
"""How many progress notifications of one call are forwarded; further ones are dropped, the result is not."""
_LONGEST_TOKEN: Final = 256

_token_decoder = msgspec.json.Decoder(int | str)


def progress_teller(token: bytes, tell: Tell | None) -> Tell | None:
    """Return a function that sends progress under this raw token; None if the caller accepts no notices."""
    if tell is None or not _is_token(token):
        return None
    raw_token = msgspec.Raw(token)
    left = MOST_NOTIFICATIONS

    def tell_progress(notice: Notice) -> None:
        nonlocal left
        if left:
            left -= 1
            members = read_members(notice.params)
            members[PROGRESS_TOKEN] = raw_token
            tell(Notice(notice.method, write_members(members)))

    return tell_progress


def _is_token(raw: bytes) -> bool:
    if len(raw) > _LONGEST_TOKEN:
        return False
    try:
        _token_decoder.decode(raw)
    except msgspec.MsgspecError:
        return False
    return True
