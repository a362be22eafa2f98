"""The form in which the server stores the patterns of a grant, so that files can be compared with it."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

_EVERYTHING: Final = "*"
_RESPELT: Final = re.compile(rb"%[0-9A-Fa-f]{2}|[^!-~]")


class CanonicalPatterns(NamedTuple):
    """What a grant names, by kind, sorted and each once; None if it says nothing about a kind."""

    tools: tuple[str, ...]
    resources: tuple[str, ...] | None
    prompts: tuple[str, ...] | None


def canonical_patterns(
    tools: Collection[str] | None,
    resources: Collection[str] | None,
    prompts: Collection[str] | None,
    mcp: str,
) -> CanonicalPatterns:
    """Return the patterns as the server stores them; None stands for those that are not given.

    A grant without patterns, or with `*` of each kind, is one of everything. Otherwise it says something about the
    resources and the prompts if it names any, or if it names all tools and is not to be one of everything.
    """
    is_silent = resources is None and prompts is None
    found = CanonicalPatterns(
        canonical_names(tools if tools is not None else [_EVERYTHING] if is_silent else [], mcp),
        canonical_uris(resources or ()),
        canonical_names(prompts or (), mcp),
    )
    has_all_tools = _EVERYTHING in found.tools
    is_everything = all(_EVERYTHING in (each or ()) for each in found)
    if is_everything or is_silent or not (has_all_tools or found.resources or found.prompts):
        return CanonicalPatterns(found.tools, None, None)
    return found


def canonical_names(patterns: Collection[str], mcp: str) -> tuple[str, ...]:
    """Return patterns of tools or prompts, prefixed with the MCP."""
    return tuple(sorted({_with_mcp(pattern, mcp) for pattern in patterns}))


def canonical_uris(patterns: Collection[str]) -> tuple[str, ...]:
    """Return patterns of resources: other characters than printable ASCII as bytes, with upper-case digits."""
    return tuple(sorted({_RESPELT.sub(_respelt, pattern.encode()).decode("ascii") for pattern in patterns}))


def _with_mcp(pattern: str, mcp: str) -> str:
    is_whole = pattern == _EVERYTHING or pattern.startswith(f"{mcp}.")
    return pattern if is_whole else f"{mcp}.{pattern}"


def _respelt(found: re.Match[bytes]) -> bytes:
    return found[0].upper() if found[0][:1] == b"%" else b"%%%02X" % ord(found[0])
