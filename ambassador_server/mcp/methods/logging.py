"""Log messages of downstreams: the level from which on a host wants them."""

from typing import Final

import msgspec

from ambassador_protocol.jsonrpc import Code
from ambassador_server.mcp.envelope import EnvelopeError

LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""The levels of the protocol, the most verbose first."""


def read_level(raw: msgspec.Raw | None, where: str) -> str | None:
    """Return a level, or None if there is none; raises EnvelopeError for one that the protocol does not have."""
    if raw is None:
        return None
    try:
        level = msgspec.json.decode(raw, type=str)
    except msgspec.MsgspecError:
        level = ""
    if level not in LEVELS:
        raise EnvelopeError(Code.INVALID_PARAMS, f"{where} must be one of {', '.join(LEVELS)}")
    return level
