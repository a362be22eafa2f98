"""The capabilities of a host that downstreams are told: the questions that it supports."""

from typing import Final

import msgspec

from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.mcp.envelope import EnvelopeError, read_members, write_members

NONE: Final = b"{}"
_ASKABLE: Final = frozenset(QUESTIONS.values())


def askable(declared: msgspec.Raw) -> bytes:
    """Return, unchanged, the declared capabilities that stand for questions; leave out all others."""
    if bytes(declared) == NONE:
        return NONE
    try:
        members = read_members(declared)
    except EnvelopeError:
        return NONE
    return write_members({name: raw for name, raw in members.items() if name in _ASKABLE})


def can_be_asked(capabilities: bytes, method: str) -> bool:
    """Tell whether a host with these capabilities supports a question."""
    return QUESTIONS.get(method, "") in read_members(capabilities)
