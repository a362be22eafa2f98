"""Compares the declared objects with the server's objects and plans the operations. Performs no I/O."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ambassador_admin.declarative.masks import MASK, is_masked, matches_masked
from ambassador_admin.declarative.objects import (
    CurrentObject,
    DesiredObject,
    DesiredState,
    GrantKey,
    Key,
    ObjectKind,
    label,
    lasts_longer,
    references,
)
from ambassador_admin.declarative.operations import (
    BATCH_LIMIT,
    Action,
    Operation,
    Phase,
    in_order,
    phase_of_change,
    phase_of_creation,
    phase_of_removal,
)

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The operations in order, or the conflicts that prevent them; `notes` explain what is left unchanged."""

    operations: tuple[Operation, ...]
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]
    unchanged: int


def make_plan(
    desired: DesiredState,
    current: Iterable[CurrentObject],
    *,
    now: datetime,
    prune: bool = False,
    take_over: bool = False,
) -> Plan:
    """Return the plan from `current` to `desired`.

    With `prune` it also removes objects that the owners of the files own and the files do not declare; with `take_over`
    declared objects without an owner get the owner of the file.
    """
    planner = _Planner(desired, list(current), now, take_over=take_over)
    for wanted in desired.objects:
        planner.plan_object(wanted)
    planner.plan_replaced_grants()
    planner.checkreferences()
    planner.prune(remove=prune)
    planner.swap_with_issuers()
    planner.check_atomic_groups()
    return Plan(
        operations=tuple(in_order(planner.operations)),
        conflicts=tuple(planner.conflicts),
        notes=tuple(planner.notes),
        unchanged=planner.unchanged,
    )


_ALL = "*"
"""The atomic group of all changes of one plan, which no user is called."""


class _Planner:
    def __init__(
        self, desired: DesiredState, current: list[CurrentObject], now: datetime, *, take_over: bool
    ) -> None:
        self.operations: list[Operation] = []
        self.conflicts: list[str] = []
        self.notes: list[str] = []
        self.unchanged = 0
        self._desired = desired
        self._current = current
        self._now = now
        self._take_over = take_over
        self._by_key: dict[tuple[ObjectKind, Key], list[CurrentObject]] = {}
        for found in current:
            self._by_key.setdefault((found.kind, found.key), []).append(found)
        self._matched: set[int] = set()
        self._denying = {
            item.key[0]
            for item in _everything(current, desired)
            if item.kind is ObjectKind.GRANT and GrantKey.of(item.key).effect == "deny"
        }

    def plan_object(self, wanted: DesiredObject) -> None:
        """Plan the operations for one declared object."""
        candidates = self._by_key.get((wanted.kind, wanted.key), [])
        found = min(candidates, key=lambda each: _match_rank(each, wanted), default=None)
        if found is not None:
            self._matched.add(id(found))
            self._matched.update(id(each) for each in candidates if _is_covered(each, wanted))
        if wanted.kind is ObjectKind.GRANT and self._has_expired(wanted.attributes):
            self._plan_expired_grant(found, wanted)
        elif found is None:
            self._create(wanted)
        elif self._may_change(found, wanted):
            self._change(found, wanted)

    def plan_replaced_grants(self) -> None:
        """Plan the removal of grants that the files replace.

        A file declares all its grants of one effect for a group and an MCP; others with the same owner are removed.
        """
        slots = {
            (wanted.owner, wanted.key[:3])
            for wanted in self._desired.objects
            if wanted.kind is ObjectKind.GRANT
        }
        for found in self._current:
            if (
                found.kind is ObjectKind.GRANT
                and id(found) not in self._matched
                and (found.owner, found.key[:3]) in slots
            ):
                self._remove(found)

    def checkreferences(self) -> None:
        """Add a conflict for every reference to an object that neither the files nor the server have."""
        known = {(item.kind, item.key) for item in _everything(self._current, self._desired)}
        for wanted in self._desired.objects:
            for kind, name in references(wanted.kind, wanted.key, wanted.attributes):
                if (kind, (name,)) not in known:
                    self.conflicts.append(
                        f"{wanted.position}: there is no {kind} {name!r}, neither in the files nor on the server"
                    )

    def prune(self, *, remove: bool) -> None:
        """Plan the removal of owned objects that are not declared; without `remove`, only note their number."""
        labels = self._desired.owners - {None}
        stale = [
            found
            for found in self._current
            if found.owner in labels and id(found) not in self._matched and not _is_retired(found)
        ]
        if remove:
            for found in stale:
                if found.kind is not ObjectKind.GROUP:
                    self._remove(found)
            self._remove_groups([found for found in stale if found.kind is ObjectKind.GROUP])
        elif stale:
            self.notes.append(f"{len(stale)} owned objects are not declared any more; --prune removes them")

    def swap_with_issuers(self) -> None:
        """Let all memberships that permit and deny change at once, if the meaning of claimed groups changes too."""
        if any(each.kind is ObjectKind.ISSUER and each.phase is Phase.SWAP for each in self.operations):
            self.operations = [
                replace(each, atomic_group=_ALL) if each.phase is Phase.SWAP else each
                for each in self.operations
            ]

    def check_atomic_groups(self) -> None:
        """Add a conflict for every atomic group that does not fit into one transaction."""
        for atomic_group, count in Counter(
            each.atomic_group for each in self.operations if each.atomic_group
        ).items():
            if count > BATCH_LIMIT:
                whose = "issuers and users" if atomic_group == _ALL else f"user {atomic_group}"
                self.conflicts.append(
                    f"{whose}: {count} memberships in groups with denying grants must change at once; "
                    f"the maximum is {BATCH_LIMIT}"
                )

    def _may_change(self, found: CurrentObject, wanted: DesiredObject) -> bool:
        if found.owner == wanted.owner or (found.owner is None and self._take_over):
            return True
        if wanted.kind in (ObjectKind.MEMBERSHIP, ObjectKind.GRANT) and not _difference(found, wanted):
            self.unchanged += 1  # it exists already, and keeps its owner
            return False
        owner = "has no owner; --take-over sets it" if found.owner is None else f"belongs to {found.owner!r}"
        self.conflicts.append(f"{wanted.position}: {label(wanted.kind, wanted.key)} {owner}")
        return False

    def _create(self, wanted: DesiredObject) -> None:
        attributes = {
            name: value
            for name, value in wanted.attributes.items()
            if name != "published" and value is not None
        }
        if wanted.kind is ObjectKind.MCP and not {"transport", "options"} <= attributes.keys():
            self.conflicts.append(f"{wanted.position}: a new MCP needs 'transport' and 'options'")
            return
        if is_masked(attributes.get("options")):
            self._refuse_mask(wanted)
            return
        is_new = any(
            (kind, (name,)) not in self._by_key
            for kind, name in references(wanted.kind, wanted.key, wanted.attributes)
        )
        phase = phase_of_creation(wanted.kind, wanted.key, attributes, denying=self._denying, is_new=is_new)
        self._add(Action.CREATE, wanted, phase, after=attributes)
        if wanted.attributes.get("published"):
            self._publish(wanted, published=True)

    def _change(self, found: CurrentObject, wanted: DesiredObject) -> None:
        after = _difference(found, wanted)
        if after.get("published") is not None:
            self._publish(wanted, published=after.pop("published"))
        if is_masked(after.get("options")):
            self._refuse_mask(wanted)
            return
        if found.owner != wanted.owner:
            after["owner"] = wanted.owner
        if not after:
            self.unchanged += 1
            return
        before = {name: found.owner if name == "owner" else found.attributes.get(name) for name in after}
        phase = phase_of_change(wanted.kind, wanted.key, before, after)
        self._add(Action.CHANGE, wanted, phase, before=before, after=after, item_id=found.item_id)

    def _refuse_mask(self, wanted: DesiredObject) -> None:
        self.conflicts.append(
            f"{wanted.position}: options: {MASK} stands for a secret; write env://NAME or file:///PATH in its place"
        )

    def _publish(self, wanted: DesiredObject, *, published: bool) -> None:
        before, after = {"published": not published}, {"published": published}
        phase = phase_of_change(wanted.kind, wanted.key, before, after)
        self._add(Action.CHANGE, wanted, phase, before=before, after=after)

    def _plan_expired_grant(self, found: CurrentObject | None, wanted: DesiredObject) -> None:
        if found is None or found.owner != wanted.owner or self._has_expired(found.attributes):
            self.unchanged += 1
        else:
            self._remove(found)

    def _remove(self, found: CurrentObject) -> None:
        self._matched.add(id(found))
        phase = phase_of_removal(found.kind, found.key, denying=self._denying)
        self._add(Action.REMOVE, found, phase, before=found.attributes, item_id=found.item_id)

    def _remove_groups(self, groups: list[CurrentObject]) -> None:
        # Deleting a group deletes its memberships and grants of all owners, so only empty groups are deleted.
        removed = {
            (each.kind, each.key, each.item_id) for each in self.operations if each.action is Action.REMOVE
        }
        contents = Counter(
            item.key[0]
            for item in self._current
            if item.kind in (ObjectKind.MEMBERSHIP, ObjectKind.GRANT)
            and (item.kind, item.key, item.item_id) not in removed
        )
        contents.update(
            item.key[0]
            for item in self._desired.objects
            if item.kind in (ObjectKind.MEMBERSHIP, ObjectKind.GRANT)
        )
        for group in groups:
            if contents[group.key[0]]:
                self.notes.append(
                    f"group {group.key[0]} is not removed: it has memberships or grants of other owners"
                )
            else:
                self._remove(group)

    def _has_expired(self, attributes: Attributes) -> bool:
        expires_at = attributes["expires_at"]
        return expires_at is not None and datetime.fromisoformat(expires_at) <= self._now

    def _add(
        self,
        action: Action,
        item: DesiredObject | CurrentObject,
        phase: Phase,
        *,
        before: Attributes | None = None,
        after: Attributes | None = None,
        item_id: str | None = None,
    ) -> None:
        user = {ObjectKind.MEMBERSHIP: item.key[-1], ObjectKind.USER: item.key[0]}.get(item.kind, "")
        self.operations.append(
            Operation(
                action=action,
                kind=item.kind,
                key=item.key,
                phase=phase,
                before=before or {},
                after=after or {},
                owner=item.owner,
                item_id=item_id,
                attributes=item.attributes,
                atomic_group=user if phase is Phase.SWAP else "",
                declared=item if isinstance(item, DesiredObject) else None,
            )
        )


def _everything(
    current: Iterable[CurrentObject], desired: DesiredState
) -> Iterator[CurrentObject | DesiredObject]:
    yield from current
    yield from desired.objects


def _is_covered(found: CurrentObject, wanted: DesiredObject) -> bool:
    """Tell whether an object of the same key is also declared: another key of that name, or a grant that ends earlier.

    A key that was replaced stays valid for a time under the same name.
    """
    if wanted.kind is ObjectKind.KEY:
        return True
    return wanted.kind is ObjectKind.GRANT and not lasts_longer(found, wanted.attributes)


def _match_rank(found: CurrentObject, wanted: DesiredObject) -> tuple[int, bool]:
    foreign = 0 if found.owner == wanted.owner else 1 if found.owner is None else 2
    return foreign, bool(_difference(found, wanted))


def _difference(found: CurrentObject, wanted: DesiredObject) -> dict[str, Any]:
    """Return the desired attributes that differ; the lifetime of a key applies only when it is issued."""
    return {
        name: value
        for name, value in wanted.attributes.items()
        if name != "expires_in_seconds"
        and not _COMPARATORS.get(name, _is_equal)(found.attributes.get(name), value)
    }


def _is_equal(found: Any, wanted: Any) -> bool:
    return bool(found == wanted)


_COMPARATORS: Mapping[str, Callable[[Any, Any], bool]] = {"options": matches_masked}


def _is_retired(found: CurrentObject) -> bool:
    match found.kind:
        case ObjectKind.USER:
            return bool(found.attributes["status"] == "deactivated")
        case ObjectKind.MCP:
            return not found.attributes["published"]
        case _:
            return False
