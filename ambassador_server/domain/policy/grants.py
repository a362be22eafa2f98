"""Grants: which capabilities of which MCP a group may, or may not, use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.policy.pattern_spelling import (
    EVERYTHING,
    PatternError,
    literal_parts,
    spell_pattern,
)
from ambassador_server.domain.shared.globs import parts_match
from ambassador_server.errors import InvalidInputError

_MAX_PATTERNS = 100
_SHOWN = 100


class Effect(StrEnum):
    """Whether a grant permits or denies; one deny outweighs every permit."""

    PERMIT = "permit"
    DENY = "deny"


class Delivery(StrEnum):
    """Whether granted tools appear to all clients of the group, or only to those that subscribed to the MCP."""

    AUTOMATIC = "automatic"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Capabilities of one MCP for one group; `patterns` are globs over the canonical names of tools.

    They are spelt as pattern_spelling.py says.
    """

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
        """Tell whether a pattern of the grant matches this capability; upper and lower case differ."""
        return _includes(self.patterns, capability)

    def covers_all_tools_of(self, mcp_name: str) -> bool:
        """Tell whether the grant covers every tool that the MCP has or may get."""
        return matches_any(self.patterns, f"{mcp_name}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The choice of one client about one MCP: of the granted capabilities, those that `patterns` select."""

    subscription_id: str
    key_id: str
    mcp_id: str
    patterns: tuple[str, ...]
    created_at: datetime
    created_by: str

    def selects(self, capability: CapabilityRef) -> bool:
        """Tell whether the client has selected this capability."""
        return _includes(self.patterns, capability)


def _includes(patterns: tuple[str, ...], capability: CapabilityRef) -> bool:
    """Tell whether the patterns include a capability.

    They name tools. Resources and prompts are included by the pattern of everything alone.
    """
    if EVERYTHING in patterns:
        return True
    return capability.kind is CapabilityKind.TOOL and matches_any(patterns, capability.name)


def matches_any(patterns: tuple[str, ...], canonical: str) -> bool:
    """Tell whether any pattern matches the canonical tool name."""
    for pattern in patterns:  # noqa: SIM110 # it runs 10,000 times for a list of 10,000 tools
        if pattern == EVERYTHING or parts_match(_parts(pattern), canonical):
            return True
    return False


def normalise_patterns(patterns: Collection[str], mcp_name: str) -> tuple[str, ...]:
    """Return the patterns over canonical names, sorted and without duplicates.

    Raises InvalidInputError for an invalid pattern, or for too many.
    """
    if len(patterns) > _MAX_PATTERNS:
        raise InvalidInputError(f"At most {_MAX_PATTERNS} tool patterns.")
    return tuple(sorted({normalise_pattern(pattern, mcp_name) for pattern in patterns}))


def normalise_pattern(pattern: str, mcp_name: str) -> str:
    """Return the pattern over canonical names; one without the name of its MCP gets it as a prefix.

    Raises InvalidInputError for a text that is no pattern.
    """
    try:
        spelt = spell_pattern(pattern)
    except PatternError as error:
        raise InvalidInputError(f"{pattern[:_SHOWN]!r} is not a tool pattern: it {error}.") from None
    if spelt == EVERYTHING or spelt.startswith(f"{mcp_name}."):
        return spelt
    return f"{mcp_name}.{spelt}"


@lru_cache(maxsize=10_000)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(literal_parts(pattern))
