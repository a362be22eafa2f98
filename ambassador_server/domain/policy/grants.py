"""Grants: which capabilities of which MCP a group, or one user, may or may not use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.policy.approval_rules import ApprovalRule
from ambassador_server.domain.policy.pattern_spelling import (
    EVERYTHING,
    PatternError,
    literal_parts,
    spell_pattern,
)
from ambassador_server.domain.policy.uri_spelling import spell_uri, spell_uri_pattern
from ambassador_server.domain.shared.globs import glob_matches, parts_match
from ambassador_server.errors import InvalidInputError

_MAX_PATTERNS = 100
_SHOWN = 100


class Effect(StrEnum):
    """Whether a grant permits or denies; one deny outweighs every permit."""

    PERMIT = "permit"
    DENY = "deny"


class Delivery(StrEnum):
    """Whether what is granted appears to all clients of the group, or only to those that subscribed to the MCP."""

    AUTOMATIC = "automatic"
    OPT_IN = "opt_in"


@dataclass(frozen=True, slots=True)
class CapabilityPatterns:
    """The capabilities of one MCP that a grant or a client means, by kind; None says nothing about a kind.

    `tools` and `prompts` are globs over canonical names, spelt as pattern_spelling.py says; `resources` are globs over
    whole URIs, spelt as uri_spelling.py says. `*` among the tools, and nothing said about the other kinds, means
    everything that the MCP has. Otherwise nothing is meant of a kind about which nothing is said.
    """

    tools: tuple[str, ...]
    resources: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None

    def of(self, kind: CapabilityKind) -> tuple[str, ...]:
        """Return the patterns of one kind."""
        if kind is CapabilityKind.TOOL:
            return self.tools
        if self.resources is None and self.prompts is None:
            return (EVERYTHING,) if EVERYTHING in self.tools else ()
        return (self.resources if kind is CapabilityKind.RESOURCE else self.prompts) or ()

    def include(self, capability: CapabilityRef) -> bool:
        """Tell whether a pattern matches this capability; upper and lower case differ."""
        if capability.kind is CapabilityKind.RESOURCE:
            return matches_any_uri(self.of(capability.kind), capability.name)
        return matches_any(self.of(capability.kind), capability.name)

    def include_all(self, kind: CapabilityKind, mcp_name: str) -> bool:
        """Tell whether everything of this kind is meant, whatever the MCP has or may get."""
        if kind is CapabilityKind.RESOURCE:
            return EVERYTHING in self.of(kind)
        return matches_any(self.of(kind), f"{mcp_name}.")

    def without(self, others: "CapabilityPatterns", mcp_name: str) -> "CapabilityPatterns":
        """Return the patterns, as they are written, that are not among others, which are normalised."""

        def added(kind: CapabilityKind) -> tuple[str, ...]:
            known = others.of(kind)
            return tuple(
                each for each in self.of(kind) if normalise_pattern(each, mcp_name, kind) not in known
            )

        return CapabilityPatterns(*map(added, CapabilityKind))

    def details(self) -> dict[str, list[str]]:
        """Return the patterns of the kinds about which something is said, by the names that audit events use."""
        said = {"tools": self.tools, "resources": self.resources, "prompts": self.prompts}
        return {name: list(patterns) for name, patterns in said.items() if patterns is not None}

    def normalised(self, mcp_name: str) -> "CapabilityPatterns":
        """Return the form in which patterns are stored and compared: sorted, each once, a kind never None alone.

        Raises InvalidInputError for an invalid pattern, or for too many of a kind.
        """
        tools = normalise_patterns(self.tools, mcp_name)
        resources = normalise_patterns(self.resources or (), mcp_name, CapabilityKind.RESOURCE)
        prompts = normalise_patterns(self.prompts or (), mcp_name, CapabilityKind.PROMPT)
        is_said = self.resources is not None or self.prompts is not None
        has_all_tools = EVERYTHING in tools
        is_everything = has_all_tools and EVERYTHING in resources and EVERYTHING in prompts
        if is_everything or not is_said or not (has_all_tools or resources or prompts):
            return CapabilityPatterns(tools)
        return CapabilityPatterns(tools, resources, prompts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Capabilities of one MCP for one group, or for one user; `patterns` are those of tools, see CapabilityPatterns.

    One of `group_id` and `user_id` is set. A grant for a user was made by the approval of a request for access, whose
    id is `request_id` (docs/adr/0018-grants-for-one-user.md).

    `constraints` are the schemas for arguments of tools, as canonical JSON by argument; None if there are none. With
    `approval_seconds`, each call needs an approval, which is good for so long; `approvers` is the id of the group that
    gives it, None for administrators.
    """

    grant_id: str
    group_id: str | None
    mcp_id: str
    patterns: tuple[str, ...]
    effect: Effect
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    delivery: Delivery = Delivery.AUTOMATIC
    owner: str | None = None
    resources: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None
    constraints: str | None = None
    approval_seconds: int | None = None
    approvers: str | None = None
    user_id: str | None = None
    request_id: str | None = None

    @property
    def subject_id(self) -> str:
        """Return the id of the group or user that the grant is for."""
        return self.group_id or self.user_id or ""

    @property
    def named(self) -> CapabilityPatterns:
        """Return the patterns of all kinds."""
        return CapabilityPatterns(self.patterns, self.resources, self.prompts)

    @property
    def approval(self) -> ApprovalRule | None:
        """Return what the grant demands before a call; None for no approval."""
        return None if self.approval_seconds is None else ApprovalRule(self.approval_seconds, self.approvers)

    def has_expired(self, now: datetime) -> bool:
        """Tell whether the grant says nothing any more, neither permits nor denies."""
        return self.expires_at is not None and self.expires_at <= now

    def covers(self, capability: CapabilityRef) -> bool:
        """Tell whether the grant is about this capability."""
        # Asked 10,000 times for a list of 10,000 tools.
        if capability.kind is CapabilityKind.TOOL:
            return matches_any(self.patterns, capability.name)
        return self.named.include(capability)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """The choice of one client about one MCP: of what is granted, the capabilities that the patterns select.

    `patterns` are those of tools, see CapabilityPatterns.
    """

    subscription_id: str
    key_id: str
    mcp_id: str
    patterns: tuple[str, ...]
    created_at: datetime
    created_by: str
    resources: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | None = None

    @property
    def named(self) -> CapabilityPatterns:
        """Return the patterns of all kinds."""
        return CapabilityPatterns(self.patterns, self.resources, self.prompts)

    def selects(self, capability: CapabilityRef) -> bool:
        """Tell whether the client has selected this capability."""
        if capability.kind is CapabilityKind.TOOL:
            return matches_any(self.patterns, capability.name)
        return self.named.include(capability)


def matches_any(patterns: tuple[str, ...], canonical: str) -> bool:
    """Tell whether any pattern matches the canonical name of a tool or a prompt."""
    for pattern in patterns:  # noqa: SIM110 # it runs 10,000 times for a list of 10,000 tools
        if pattern == EVERYTHING or parts_match(_parts(pattern), canonical):
            return True
    return False


def matches_any_uri(patterns: tuple[str, ...], uri: str) -> bool:
    """Tell whether any pattern matches the URI of a resource, or the text of a resource template."""
    spelt = spell_uri(uri)
    return any(glob_matches(pattern, spelt) for pattern in patterns)


def normalise_patterns(
    patterns: Collection[str], mcp_name: str, kind: CapabilityKind = CapabilityKind.TOOL
) -> tuple[str, ...]:
    """Return patterns of one kind as they are stored, sorted and without duplicates.

    Raises InvalidInputError for an invalid pattern, or for too many.
    """
    if len(patterns) > _MAX_PATTERNS:
        raise InvalidInputError(f"At most {_MAX_PATTERNS} {kind} patterns.")
    return tuple(sorted({normalise_pattern(pattern, mcp_name, kind) for pattern in patterns}))


def normalise_pattern(pattern: str, mcp_name: str, kind: CapabilityKind = CapabilityKind.TOOL) -> str:
    """Return a pattern as it is stored; one of tools or prompts without the name of its MCP gets it as a prefix.

    Raises InvalidInputError for a text that is no pattern.
    """
    is_uri = kind is CapabilityKind.RESOURCE
    try:
        spelt = spell_uri_pattern(pattern) if is_uri else spell_pattern(pattern)
    except PatternError as error:
        raise InvalidInputError(f"{pattern[:_SHOWN]!r} is not a {kind} pattern: it {error}.") from None
    if is_uri or spelt == EVERYTHING or spelt.startswith(f"{mcp_name}."):
        return spelt
    return f"{mcp_name}.{spelt}"


@lru_cache(maxsize=10_000)
def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(literal_parts(pattern))
