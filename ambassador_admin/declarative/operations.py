"""The operations of a plan, and an order in which no call is permitted that neither start nor end permits.

Some facts only permit calls: an active user or group, a valid key, an issuer, a published MCP, a grant with effect
permit and the membership in its group. Others only deny them: a grant with effect deny and the membership in its group,
and a limit. The order first removes permissions and adds denials, then adds permissions and removes denials. So before
the turning point only calls are permitted that the start permits, and after it only calls that the end permits. A
membership in a group with both kinds of grants permits and denies, so all such memberships of a user change in one
transaction, at the turning point; issuers change there, too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import groupby
from typing import Any

from ambassador_admin.declarative.objects import DesiredObject, GrantKey, Key, ObjectKind, label
from ambassador_admin.declarative.yaml_tree import FilePosition

BATCH_LIMIT = 500
"""The maximum number of operations in one transaction."""


class Action(StrEnum):
    """What an operation does with an object."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


class Phase(IntEnum):
    """The phases of a plan, in order.

    NARROW removes permissions and adds denials, OBJECTS creates and changes objects, DENY adds denials for new objects,
    SWAP changes memberships that permit and deny, external users and issuers, WIDEN adds permissions and removes
    denials, CLEAR removes groups, PUBLISH publishes MCPs, KEYS issues keys.
    """

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
    """One operation; `before` and `after` hold the attributes that change, `attributes` all declared ones.

    `declared` is the object in a file that it is for, None for a removal. Operations with the same `atomic_group` must
    be in one transaction; the empty text is no group.
    """

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
    declared: DesiredObject | None = None

    def position_of(self, fault: str) -> FilePosition | None:
        """Return where a file declares what a fault is about: the member that it names first, or the object."""
        if self.declared is None:
            return None
        lines, words = self.declared.lines, fault.casefold()
        quoted = {name: fault.find(repr(name)) for name in lines}
        spoken = {name: words.find(_spoken(name)) for name in lines}
        for found in (quoted, spoken):
            named = [name for name, at in found.items() if at >= 0]
            if named:
                return lines[min(named, key=found.__getitem__)]
        return self.declared.position

    @property
    def label(self) -> str:
        """Return the object's kind and name for people."""
        return label(self.kind, self.key)


def phase_of_creation(
    kind: ObjectKind, key: Key, attributes: Mapping[str, Any], *, denying: Collection[str], is_new: bool
) -> Phase:
    """Return the phase of a creation.

    A token may name an external user as soon as it exists, so that its memberships that deny come at the same time.
    `denying` holds the groups with grants of effect deny; `is_new` says that a grant refers to an object of this plan.
    """
    match kind:
        case ObjectKind.KEY:
            return Phase.KEYS
        case ObjectKind.USER if attributes.get("source") == "external":
            return Phase.SWAP
        case ObjectKind.MEMBERSHIP:
            return Phase.SWAP if key[0] in denying else Phase.WIDEN
        case ObjectKind.GRANT if GrantKey.of(key).effect == "permit":
            return Phase.WIDEN
        case ObjectKind.GRANT:
            return Phase.DENY if is_new else Phase.NARROW
        case ObjectKind.LIMIT:
            return Phase.DENY
        case ObjectKind.ISSUER:
            return Phase.WIDEN
        case _:
            return Phase.OBJECTS


def phase_of_change(kind: ObjectKind, key: Key, before: Mapping[str, Any], after: Mapping[str, Any]) -> Phase:
    """Return the phase of a change of these attributes."""
    if kind in (ObjectKind.KEY, ObjectKind.ISSUER):
        return Phase.KEYS if kind is ObjectKind.KEY else Phase.SWAP
    if "published" in after:
        return Phase.PUBLISH if after["published"] else Phase.NARROW
    if "status" in after or "source" in after:
        return _phase_of_status(before, after)
    demands = [after[name] for name in ("constraints", "approval") if name in after]
    if kind is ObjectKind.GRANT and demands:
        return Phase.WIDEN if None in demands else Phase.NARROW
    if kind is ObjectKind.LIMIT:
        return Phase.NARROW if _allows_less(before, after) else Phase.WIDEN
    if kind is ObjectKind.GRANT and "expires_at" in after:
        is_longer = (after["expires_at"] or _NEVER) > (before["expires_at"] or _NEVER)
        permits = GrantKey.of(key).effect == "permit"
        return Phase.WIDEN if is_longer == permits else Phase.NARROW
    return Phase.OBJECTS


def _phase_of_status(before: Mapping[str, Any], after: Mapping[str, Any]) -> Phase:
    if "status" in after:
        if after["status"] == "active":
            return Phase.WIDEN
        return Phase.NARROW if before["status"] == "active" else Phase.OBJECTS
    return Phase.SWAP if after["source"] == "external" else Phase.NARROW


def phase_of_removal(kind: ObjectKind, key: Key, *, denying: Collection[str]) -> Phase:
    """Return the phase of a removal; `denying` holds the groups with grants of effect deny."""
    match kind:
        case ObjectKind.GRANT if GrantKey.of(key).effect == "deny":
            return Phase.WIDEN
        case ObjectKind.MEMBERSHIP if key[0] in denying:
            return Phase.SWAP
        case ObjectKind.LIMIT:
            return Phase.WIDEN
        case ObjectKind.GROUP:
            return Phase.CLEAR
        case _:
            return Phase.NARROW


def in_order(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations in the order in which they must be sent."""
    return sorted(operations, key=_order)


def batches(operations: Iterable[Operation], limit: int = BATCH_LIMIT) -> Iterator[list[Operation]]:
    """Split ordered operations into transactions of at most `limit`, without splitting an atomic group."""
    batch: list[Operation] = []
    for _, atomic_group in groupby(operations, key=_atomic_group):
        together = list(atomic_group)
        if batch and len(batch) + len(together) > limit:
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


def _allows_less(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a changed limit allows less than before in everything that changes."""
    values = {name: value for name, value in after.items() if name in ("value", "burst")}
    return values.keys() == after.keys() - {"owner"} and all(
        value is not None and before[name] is not None and value <= before[name]
        for name, value in values.items()
    )


def _spoken(member: str) -> str:
    """Return a member as a message says it, such as `call timeout` for `call_timeout_seconds`."""
    return member.replace("_", " ").removesuffix(" seconds").removesuffix("s")


_NEVER = "9999"
_KINDS = (
    ObjectKind.USER,
    ObjectKind.GROUP,
    ObjectKind.MCP,
    ObjectKind.LIMIT,
    ObjectKind.ISSUER,
    ObjectKind.GRANT,
    ObjectKind.MEMBERSHIP,
    ObjectKind.KEY,
)


def _order(operation: Operation) -> tuple[Any, ...]:
    # Among the operations of a phase, removals of grants with effect deny are last. Keys are revoked before their users
    # are deactivated, which revokes them as well.
    removes = operation.action is Action.REMOVE
    removes_grant = removes and operation.kind is ObjectKind.GRANT
    kind = -1 if removes and operation.kind is ObjectKind.KEY else _KINDS.index(operation.kind)
    return operation.phase, removes_grant, operation.atomic_group, kind, operation.key, operation.action


def _atomic_group(operation: Operation) -> Any:
    return operation.atomic_group or id(operation)
