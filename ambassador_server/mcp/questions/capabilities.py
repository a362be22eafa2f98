"""What a host can be asked, as it declared it: the part that downstreams are told."""

from typing import Final

import msgspec

from ambassador_protocol.mcp import QUESTIONS
from ambassador_server.mcp.envelope import EnvelopeError, read_members, write_members

NONE: Final = b"{}"
_ASKABLE: Final = frozenset(QUESTIONS.values())


def askable(declared: msgspec.Raw) -> bytes:
    """Return the capabilities that stand for questions, each as it came; extensions of the host stay here."""
    if bytes(declared) == NONE:
        return NONE
    try:
        members = read_members(declared)
    except EnvelopeError:
        return NONE
    return write_members({name: raw for name, raw in members.items() if name in _ASKABLE})


def can_be_asked(capabilities: bytes, method: str) -> bool:
    """Tell whether a host with these capabilities understands a question."""
    return QUESTIONS.get(method, "") in read_members(capabilities)
