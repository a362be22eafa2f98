"""The trace context of W3C in `_meta` objects: read strictly, written without touching the other members."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-[!-~]{0,200})?",
    re.ASCII,
)
_STATE_MEMBER = re.compile(
    r"[ \t]*(?P<key>[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})="
    r"[ -+\--<>-~]{0,255}[!-+\--<>-~][ \t]*",
    re.ASCII,
)
_MOST_MEMBERS = 32
_LONGEST_STATE = 512

_members = msgspec.json.Decoder(dict[str, Raw])


def context_in(meta: bytes) -> dict[str, str]:
    """Return the valid context in a raw `_meta` object; an invalid one is none, and never an error."""
    if meta.find(b"trace") < 0:
        return {}
    try:
        members = _members.decode(meta)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    texts = {name: _text(members.get(name)) for name in (TRACEPARENT, TRACESTATE)}
    return valid_context(texts)


def valid_context(found: Mapping[str, str]) -> dict[str, str]:
    """Return the valid part of a context: nothing without a valid parent, and no state that is malformed."""
    parent, state = found.get(TRACEPARENT, ""), found.get(TRACESTATE, "")
    fits = _PARENT.fullmatch(parent)
    if fits is None or (parent.startswith("00-") and fits["more"] is not None):
        return {}
    return {TRACEPARENT: parent, **({TRACESTATE: state} if _is_state(state) else {})}


def with_context(meta: bytes, context: Mapping[str, str]) -> bytes:
    """Return a raw `_meta` object with this context instead of another; what is no object is returned unchanged."""
    try:
        members = _members.decode(meta or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return meta
    members[TRACEPARENT] = Raw(msgspec.json.encode(context[TRACEPARENT]))
    state = context.get(TRACESTATE)
    if state is not None:
        members[TRACESTATE] = Raw(msgspec.json.encode(state))
    else:
        members.pop(TRACESTATE, None)
    return msgspec.json.encode(members)


def _text(raw: Raw | None) -> str:
    """Return a JSON text; an empty one for anything else."""
    try:
        return "" if raw is None else msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def _is_state(state: str) -> bool:
    if not state or len(state) > _LONGEST_STATE:
        return False
    found = [_STATE_MEMBER.fullmatch(each) for each in state.split(",") if each.strip(" \t")]
    keys = [each["key"] for each in found if each is not None]
    return len(keys) == len(found) == len(set(keys)) and 0 < len(keys) <= _MOST_MEMBERS
