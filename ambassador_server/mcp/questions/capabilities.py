"""The capabilities of a host that downstreams are told: the questions and the extensions that it supports."""

from typing import Final

import msgspec

from ambassador_protocol.mcp import QUESTIONS, TASKS
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


def forwarded(declared: msgspec.Raw) -> bytes:
    """Return, unchanged, those that stand for questions, and the extension of tasks if the host has it."""
    questions = askable(declared)
    if TASKS not in extensions_of(bytes(declared)):
        return questions
    extensions = {"extensions": msgspec.Raw(msgspec.json.encode({TASKS: {}}))}
    return write_members(read_members(questions) | extensions)


def extensions_of(capabilities: bytes) -> frozenset[str]:
    """Return the names of the extensions that a host has declared."""
    if b'"extensions"' not in capabilities:
        return frozenset()
    try:
        return frozenset(read_members(read_members(capabilities).get("extensions", msgspec.Raw(b"null"))))
    except EnvelopeError:
        return frozenset()


def can_be_asked(capabilities: bytes, method: str) -> bool:
    """Tell whether a host with these capabilities supports a question."""
    return QUESTIONS.get(method, "") in read_members(capabilities)


def can_fill_forms(capabilities: bytes) -> bool:
    """Tell whether a host with these capabilities shows its user a form; one that says no mode does."""
    try:
        declared = read_members(capabilities).get("elicitation")
        modes = None if declared is None else read_members(declared)
    except EnvelopeError:
        return False
    return modes is not None and (not modes or "form" in modes)


def can_open_urls(capabilities: bytes) -> bool:
    """Tell whether a host with these capabilities opens URLs that the user is asked to visit."""
    if b'"url"' not in capabilities:
        return False
    try:
        return "url" in read_members(read_members(capabilities).get("elicitation", msgspec.Raw(NONE)))
    except EnvelopeError:
        return False
