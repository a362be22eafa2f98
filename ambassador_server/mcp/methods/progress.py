"""notifications/progress: what a downstream reports of a call, passed to its caller under the caller's own token."""

from typing import Final

import msgspec

from ambassador_protocol.events import EVENT_STREAM
from ambassador_server.mcp.envelope import read_members, write_members
from ambassador_server.ports.downstream import ProgressHandler
from ambassador_server.ports.face import FaceRequest

PROGRESS_TOKEN: Final = "progressToken"
MOST_NOTIFICATIONS: Final = 10_000
"""How many notifications one call may send its caller; what comes after them is dropped, the result is not."""
_LONGEST_TOKEN: Final = 256

_token_decoder = msgspec.json.Decoder(int | str)
_HEAD: Final = b'{"jsonrpc":"2.0","method":"notifications/progress","params":'


def progress_for(token: bytes, request: FaceRequest) -> ProgressHandler | None:
    """Return who takes the progress of the call that this request makes, or None where nobody would hear of it."""
    if EVENT_STREAM not in (request.headers.get("Accept") or "").lower() or not _is_token(token):
        return None
    raw_token = msgspec.Raw(token)
    left = MOST_NOTIFICATIONS

    def tell(params: bytes) -> None:
        nonlocal left
        if left:
            left -= 1
            members = read_members(params)
            members[PROGRESS_TOKEN] = raw_token
            request.tell(_HEAD + write_members(members) + b"}")

    return tell


def _is_token(raw: bytes) -> bool:
    if len(raw) > _LONGEST_TOKEN:
        return False
    try:
        _token_decoder.decode(raw)
    except msgspec.MsgspecError:
        return False
    return True
