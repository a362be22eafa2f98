"""Grants: which capabilities of which MCP a group may, or may not, use."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.shared.globs import glob_matches
from ambassador_server.errors import InvalidInputError

EVERYTHING = "*"
"""The pattern of a whole MCP: every tool, resource and prompt it has."""

_PATTERN = re.compile(r"[A-Za-z0-9_.:/*-]{1,256}")
_MAX_PATTERNS = 100


class Effect(StrEnum):
    """Deny wins over permit, whatever the order."""

    PERMIT = "permit"
    DENY = "deny"


class Delivery(StrEnum):
    """Whether granted tools just appear, or appear to clients that subscribed to the MCP."""

    AUTOMATIC = "automatic"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Capabilities of one MCP for one group; `patterns` are globs over the canonical names of tools."""

    grant_id: str
    group_id: str
    mcp_id: str
    patterns: tuple[str, ...]
    effect: Effect
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    delivery: Delivery = Delivery.AUTOMATIC
    owner: str | None = None

    def covers(self, capability: CapabilityRef) -> bool:
        """Tell whether the grant is about this capability, case-sensitively."""
        return _includes(self.patterns, capability)

    def covers_all_tools_of(self, mcp_name: str) -> bool:
        """Tell whether the grant is about every tool that the MCP could have."""
        return matches_any(self.patterns, f"{mcp_name}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One client's choice about one MCP: it wants what is granted, and of that only what `patterns` select."""

    subscription_id: str
    key_id: str
    mcp_id: str
    patterns: tuple[str, ...]
    created_at: datetime
    created_by: str

    def selects(self, capability: CapabilityRef) -> bool:
        """Tell whether the client wants this capability."""
        return _includes(self.patterns, capability)


def _includes(patterns: tuple[str, ...], capability: CapabilityRef) -> bool:
    """Tell whether the patterns include a capability.

    They name tools. Resources and prompts are included by the pattern of everything alone.
    """
    if capability.kind is not CapabilityKind.TOOL:
        return EVERYTHING in patterns
    return matches_any(patterns, capability.name)


def matches_any(patterns: tuple[str, ...], canonical: str) -> bool:
    """Tell whether any pattern matches the canonical tool name."""
    for pattern in patterns:  # noqa: SIM110 # a list of 10,000 tools asks 10,000 times
        if pattern == EVERYTHING or glob_matches(pattern, canonical):
            return True
    return False


def normalise_patterns(patterns: Collection[str], mcp_name: str) -> tuple[str, ...]:
    """Return the patterns over canonical names, ordered and each once; InvalidInputError for a bad one or too many."""
    if len(patterns) > _MAX_PATTERNS:
        raise InvalidInputError(f"At most {_MAX_PATTERNS} tool patterns.")
    return tuple(sorted({normalise_pattern(pattern, mcp_name) for pattern in patterns}))


def normalise_pattern(pattern: str, mcp_name: str) -> str:
    """Return the pattern over canonical names; a bare tool pattern is put under its MCP.

    Raises InvalidInputError for a pattern that no tool name could ever need.
    """
    if _PATTERN.fullmatch(pattern) is None:
        raise InvalidInputError(
            f"{pattern!r} is not a tool pattern: letters, digits, '_', '-', '.', ':', '/' and '*', at most 256."
        )
    if pattern == EVERYTHING or pattern.startswith(f"{mcp_name}."):
        return pattern
    return f"{mcp_name}.{pattern}"
