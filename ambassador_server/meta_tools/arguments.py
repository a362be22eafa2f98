"""Reads the arguments of the three tools, without decoding those of the tool that is called."""

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.domain.shared.names import near
from ambassador_server.member_names import written_members
from ambassador_server.meta_tools.definitions import (
    CALL,
    DEFINITIONS,
    DESCRIBE,
    MOST_FOUND,
    SEARCH,
    USUALLY_FOUND,
)

T = TypeVar("T")

_MOST_SKIPPED = 1_000_000
_SHOWN = 60


class ArgumentError(Exception):
    """The arguments are not those of the tool; the message tells the model how to mend them."""


class Search(Struct, frozen=True):
    """What to search, and which of the tools that are found to return."""

    query: str
    limit: int
    offset: int


class RealCall(Struct, frozen=True):
    """A call of a tool: its name in any accepted form, and its arguments, byte for byte."""

    name: str
    arguments: bytes


def read_search(raw: bytes) -> Search:
    """Return the arguments of `search_tools`. Raises ArgumentError."""
    given = _members(SEARCH, raw)
    return Search(
        _value(SEARCH, given, "query", str, "a text"),
        _whole(given, "limit", USUALLY_FOUND, least=1, most=MOST_FOUND),
        _whole(given, "offset", 0, least=0, most=_MOST_SKIPPED),
    )


def read_name(raw: bytes) -> str:
    """Return the argument of `describe_tool`. Raises ArgumentError."""
    return _value(DESCRIBE, _members(DESCRIBE, raw), "name", str, "a text")


async def read_call(raw: bytes) -> RealCall:
    """Return the arguments of `call_tool`. Raises ArgumentError."""
    return _read_call(raw) if len(raw) <= LARGE else await off_loop(_read_call, raw)


def _read_call(raw: bytes) -> RealCall:
    given = _members(CALL, raw)
    arguments = bytes(given.get("arguments", Raw(b"{}")))
    if not arguments.startswith(b"{"):
        raise ArgumentError(f"{CALL}: arguments must be an object: those of the tool that is called")
    return RealCall(_value(CALL, given, "name", str, "a text"), arguments)


def _members(tool: str, raw: bytes) -> dict[str, Raw]:
    """Return the arguments; refuses one that is unknown, or given twice, of which readers take different ones."""
    known: Collection[str] = DEFINITIONS[tool]["inputSchema"]["properties"].keys()
    try:
        given = written_members(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ArgumentError(f"{tool}: the arguments must be an object") from None
    found: dict[str, Raw] = {}
    for name, value in given:
        if name not in known:
            shown = name[:_SHOWN]
            raise ArgumentError(
                f"{tool}: there is no argument {shown!r}{near(shown, known)}; there are {', '.join(known)}"
            )
        if name in found:
            raise ArgumentError(f"{tool}: {name} is given twice")
        found[name] = value
    return found


def _value(tool: str, given: dict[str, Raw], name: str, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(given[name], type=kind)
    except KeyError:
        raise ArgumentError(f"{tool}: {name} is missing") from None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ArgumentError(f"{tool}: {name} must be {what}") from None


def _whole(given: dict[str, Raw], name: str, default: int, *, least: int, most: int) -> int:
    if name not in given:
        return default
    what = f"a whole number from {least} to {most}"
    value: Any = _value(SEARCH, given, name, int, what)
    if not least <= value <= most:
        raise ArgumentError(f"{SEARCH}: {name} must be {what}")
    return int(value)
