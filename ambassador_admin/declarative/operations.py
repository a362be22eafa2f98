"""Operations, and the order in which they can be sent so that no moment allows what neither end allows.

Who may call what follows from switches that only open (an active user or group, a good key, a published MCP, a grant
that permits, being in a group that permits) and switches that only close (a grant that denies, being in a group that
denies). First everything is closed that will be closed in the end, then everything is opened: before the turn nothing
is open that was not open at the start, after it nothing that is not open in the end. A membership in a group that
also denies is both, so all of one user's change together, at the turn, in one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import Any

from ambassador_admin.declarative.objects import GrantKey, Key, ObjectKind, label

BATCH_LIMIT = 500
"""How many operations fit into one transaction."""


class Action(StrEnum):
    """What becomes of an object."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


class Phase(IntEnum):
    """In this order operations are sent."""

    NARROW = 1
    OBJECTS = 2
    DENY = 3
    SWAP = 4
    WIDEN = 5
    CLEAR = 6
    PUBLISH = 7
    KEYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One change. `before` and `after` hold the attributes that change; `attributes` are all that are named.

    Operations of one `atomic_group` must not be taken apart."""

    action: Action
    kind: ObjectKind
    key: Key
    phase: Phase
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    owner: str | None = None
    item_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    atomic_group: str = ""

    @property
    def label(self) -> str:
        """Return how a person calls the object."""
        return label(self.kind, self.key)


def phase_of_creation(kind: ObjectKind, key: Key, *, denying: Collection[str], is_new: bool) -> Phase:
    """Return when to create; `denying` are the groups that also deny; `is_new`: a grant refers to new objects."""
    match kind:
        case ObjectKind.KEY:
            return Phase.KEYS
        case ObjectKind.MEMBERSHIP:
            return Phase.SWAP if key[0] in denying else Phase.WIDEN
        case ObjectKind.GRANT if GrantKey.of(key).effect == "permit":
            return Phase.WIDEN
        case ObjectKind.GRANT:
            return Phase.DENY if is_new else Phase.NARROW
        case _:
            return Phase.OBJECTS


def phase_of_change(kind: ObjectKind, key: Key, before: Mapping[str, Any], after: Mapping[str, Any]) -> Phase:
    """Return when to change an object from these attributes to those."""
    if kind is ObjectKind.KEY:
        return Phase.KEYS
    if "published" in after:
        return Phase.PUBLISH if after["published"] else Phase.NARROW
    if "status" in after:
        if after["status"] == "active":
            return Phase.WIDEN
        return Phase.NARROW if before["status"] == "active" else Phase.OBJECTS
    if kind is ObjectKind.GRANT and "expires_at" in after:
        is_longer = (after["expires_at"] or _NEVER) > (before["expires_at"] or _NEVER)
        permits = GrantKey.of(key).effect == "permit"
        return Phase.WIDEN if is_longer == permits else Phase.NARROW
    return Phase.OBJECTS


def phase_of_removal(kind: ObjectKind, key: Key, *, denying: Collection[str]) -> Phase:
    """Return when to remove."""
    match kind:
        case ObjectKind.GRANT if GrantKey.of(key).effect == "deny":
            return Phase.WIDEN
        case ObjectKind.MEMBERSHIP if key[0] in denying:
            return Phase.SWAP
        case ObjectKind.GROUP:
            return Phase.CLEAR
        case _:
            return Phase.NARROW


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations in the order to send them."""
    return sorted(operations, key=_order)


def batches(operations: Iterable[Operation], limit: int = BATCH_LIMIT) -> Iterator[list[Operation]]:
    """Cut ordered operations into transactions, each of which holds an atomic group whole."""
    batch: list[Operation] = []
    for _, atomic_group in groupby(operations, key=_atomic_group):
        together = list(atomic_group)
        if batch and len(batch) + len(together) > limit:
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


_NEVER = "9999"
_KINDS = (
    ObjectKind.USER,
    ObjectKind.GROUP,
    ObjectKind.MCP,
    ObjectKind.GRANT,
    ObjectKind.MEMBERSHIP,
    ObjectKind.KEY,
)


def _order(operation: Operation) -> tuple[Any, ...]:
    # Of all that widens, what lifts a denial goes last.
    lifts_denial = operation.kind is ObjectKind.GRANT and operation.action is Action.REMOVE
    kind = _KINDS.index(operation.kind)
    return operation.phase, lifts_denial, operation.atomic_group, kind, operation.key, operation.action


def _atomic_group(operation: Operation) -> Any:
    return operation.atomic_group or id(operation)
