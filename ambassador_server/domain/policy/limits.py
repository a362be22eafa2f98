"""Limits: how much may be called, and which limits apply to a call."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

from msgspec import Struct

from ambassador_server.domain.catalog.capabilities import CapabilityKind, CapabilityRef
from ambassador_server.domain.people.client_keys import ClientKey, line_of
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.incremental_index import collect


class LimitScope(StrEnum):
    """What a limit is about."""

    TOOL = "tool"
    MCP = "mcp"
    TOOL_CLASS = "tool_class"
    KEY = "key"
    USER = "user"
    GROUP = "group"
    EVERYONE = "everyone"


class Measure(StrEnum):
    """What a limit bounds."""

    CALLS_PER_MINUTE = "calls_per_minute"
    CALLS_PER_DAY = "calls_per_day"
    IN_FLIGHT = "in_flight"
    ARGUMENT_BYTES = "argument_bytes"
    RESULT_BYTES = "result_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Bounds one measure of the calls that match scope and target.

    `target` is an id (user, group, key, mcp), a canonical tool name or a tool class; None for everyone. `burst` is how
    many calls may come at once, for calls per minute alone.
    """

    limit_id: str
    name: str
    scope: LimitScope
    target: str | None
    target_name: str | None
    measure: Measure
    value: int
    burst: int | None
    owner: str | None
    created_at: datetime
    created_by: str
    updated_at: datetime

    @property
    def is_per_user(self) -> bool:
        """Tell whether each user has a counter of their own; all other callers share one."""
        return self.scope in (LimitScope.GROUP, LimitScope.EVERYONE)


class AppliedLimit(NamedTuple):
    """A limit of a call, and the id of the user that it counts for; an empty text if all callers share one counter."""

    limit: Limit
    subject: str


class ExceededLimit(Struct, frozen=True, kw_only=True):
    """The limit that refuses a call. `wait_seconds` is None where waiting does not help."""

    name: str
    measure: Measure
    value: int
    wait_seconds: int | None = None


class LimitUse(NamedTuple):
    """How much of a limit is used now; `subject` is the id of the user it counts for, or an empty text."""

    limit: Limit
    subject: str
    used: int

    @property
    def share(self) -> float:
        """Return how full the counter is, from 0 to 1 or more."""
        return self.used / (self.limit.burst or self.limit.value)


class ConsideredLimit(NamedTuple):
    """A limit that matches a call; `applies` is false if a more specific one takes its place."""

    limit: Limit
    applies: bool


class LimitIndex(Struct, frozen=True):
    """All limits by what they are about, so that those of a call are found without reading the others."""

    tools: Mapping[str, tuple[Limit, ...]]
    mcps: Mapping[str, tuple[Limit, ...]]
    tool_classes: Mapping[str, tuple[Limit, ...]]
    keys: Mapping[str, tuple[Limit, ...]]
    users: Mapping[str, tuple[Limit, ...]]
    groups: Mapping[str, tuple[Limit, ...]]
    everyone: tuple[Limit, ...]

    @classmethod
    def of(cls, limits: Collection[Limit]) -> Self | None:
        """Index the limits; None if there are none, so that calls have one thing to look at."""
        if not limits:
            return None
        by_target = {
            scope: collect(
                (each.target or "", each) for each in _strictest_first(limits) if each.scope is scope
            )
            for scope in LimitScope
        }
        return cls(
            tools=by_target[LimitScope.TOOL],
            mcps=by_target[LimitScope.MCP],
            tool_classes=by_target[LimitScope.TOOL_CLASS],
            keys=by_target[LimitScope.KEY],
            users=by_target[LimitScope.USER],
            groups=by_target[LimitScope.GROUP],
            everyone=by_target[LimitScope.EVERYONE].get("", ()),
        )

    def applying(
        self,
        principal: Principal,
        capability: CapabilityRef,
        group_ids: Iterable[str],
        keys: Mapping[str, ClientKey],
    ) -> list[AppliedLimit]:
        """Return the limits of a call: of each measure at most one of what is called, and one of who calls."""
        found: list[AppliedLimit] = []
        # Lists, because the hash of a member of an enumeration takes longer than a look at a few of them.
        taken: list[Measure] = []
        for limit in self._of_capability(capability):
            if limit.measure not in taken:
                taken.append(limit.measure)
                found.append(AppliedLimit(limit, ""))
        taken = []
        for limit in self._of_principal(principal, group_ids, keys):
            if limit.measure not in taken:
                taken.append(limit.measure)
                found.append(AppliedLimit(limit, principal.user_id if limit.is_per_user else ""))
        return found

    def considered(
        self,
        principal: Principal,
        capability: CapabilityRef,
        group_ids: Iterable[str],
        keys: Mapping[str, ClientKey],
    ) -> list[ConsideredLimit]:
        """Return every limit that matches a call, the most specific first, and whether it applies."""
        group_ids = tuple(group_ids)
        applied = {each.limit.limit_id for each in self.applying(principal, capability, group_ids, keys)}
        matching = (*self._of_capability(capability), *self._of_principal(principal, group_ids, keys))
        return [ConsideredLimit(each, each.limit_id in applied) for each in matching]

    def _of_capability(self, capability: CapabilityRef) -> Sequence[Limit]:
        """Return the limits of what is called, the most specific first."""
        found = self.mcps.get(capability.mcp_id, ())
        if self.tools and capability.kind is CapabilityKind.TOOL:
            found = (*self.tools.get(capability.name, ()), *found)
        if self.tool_classes and capability.tool_class is not None:
            found = (*found, *self.tool_classes.get(capability.tool_class, ()))
        return found

    def _of_principal(
        self, principal: Principal, group_ids: Iterable[str], keys: Mapping[str, ClientKey]
    ) -> Sequence[Limit]:
        """Return the limits of who calls, the most specific first."""
        found = self.everyone
        if self.groups:
            of_groups = (limit for group_id in group_ids for limit in self.groups.get(group_id, ()))
            found = (*_strictest_first(of_groups), *found)
        if self.users:
            found = (*self.users.get(principal.user_id, ()), *found)
        if self.keys:
            # Also the limits of the keys that this one replaced: a new key must not be a new allowance.
            line = line_of(principal.key_id, keys)
            found = (*(limit for key_id in line for limit in self.keys.get(key_id, ())), *found)
        return found


def _strictest_first(limits: Iterable[Limit]) -> list[Limit]:
    return sorted(limits, key=lambda each: (each.value, each.burst or 0, each.name))
