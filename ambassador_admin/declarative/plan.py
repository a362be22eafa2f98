"""Compares what files say with what is, and plans the way from here to there. Nothing here reads or sends."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ambassador_admin.declarative.masks import MASK, is_masked, matches_masked
from ambassador_admin.declarative.objects import Desired, Found, GrantKey, Key, Kind, Wanted, label
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

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in order, or why nothing can be; `notes` say what is left as it is, and why."""

    operations: tuple[Operation, ...]
    conflicts: tuple[str, ...]
    notes: tuple[str, ...]
    unchanged: int


def make_plan(
    desired: Desired,
    current: Iterable[Found],
    *,
    now: datetime,
    prune: bool = False,
    take_over: bool = False,
) -> Plan:
    """Plan from `current` to `desired`; with `prune` also the end of what the files own and do not name."""
    planning = _Planning(desired, list(current), now, take_over=take_over)
    for wanted in desired.objects:
        planning.place(wanted)
    planning.supersede()
    planning.check_references()
    planning.prune(remove=prune)
    planning.check_units()
    return Plan(
        operations=tuple(in_order(planning.operations)),
        conflicts=tuple(planning.conflicts),
        notes=tuple(planning.notes),
        unchanged=planning.unchanged,
    )


class _Planning:
    def __init__(self, desired: Desired, current: list[Found], now: datetime, *, take_over: bool) -> None:
        self.operations: list[Operation] = []
        self.conflicts: list[str] = []
        self.notes: list[str] = []
        self.unchanged = 0
        self._desired = desired
        self._current = current
        self._now = now
        self._take_over = take_over
        self._by_key: dict[tuple[Kind, Key], list[Found]] = {}
        for found in current:
            self._by_key.setdefault((found.kind, found.key), []).append(found)
        self._meant: set[int] = set()
        self._denying = {
            item.key[0]
            for item in _everything(current, desired)
            if item.kind is Kind.GRANT and GrantKey.of(item.key).effect == "deny"
        }

    def place(self, wanted: Wanted) -> None:
        """Plan what makes one object as it is wanted."""
        candidates = self._by_key.get((wanted.kind, wanted.key), [])
        found = min(candidates, key=lambda each: _distance(each, wanted), default=None)
        if found is not None:
            self._meant.add(id(found))
        if wanted.kind is Kind.GRANT and self._is_over(wanted.facts):
            self._place_ended(found, wanted)
        elif found is None:
            self._create(wanted)
        elif self._may_touch(found, wanted):
            self._change(found, wanted)

    def supersede(self) -> None:
        """What a file permits, or denies, a group at an MCP is said in full: others of its own make room."""
        slots = {
            (wanted.owner, wanted.key[:3]) for wanted in self._desired.objects if wanted.kind is Kind.GRANT
        }
        for found in self._current:
            if (
                found.kind is Kind.GRANT
                and id(found) not in self._meant
                and (found.owner, found.key[:3]) in slots
            ):
                self._remove(found)

    def check_references(self) -> None:
        """Refuse what refers to something that is neither here nor there."""
        known = {(item.kind, item.key) for item in _everything(self._current, self._desired)}
        for wanted in self._desired.objects:
            for kind, name in _references(wanted.kind, wanted.key):
                if (kind, (name,)) not in known:
                    self.conflicts.append(
                        f"{wanted.place}: there is no {kind} {name!r}, neither here nor on the server"
                    )

    def prune(self, *, remove: bool) -> None:
        """Plan the end of what the files own and do not name; only count it unless it is to be removed."""
        labels = self._desired.owners - {None}
        stale = [
            found
            for found in self._current
            if found.owner in labels and id(found) not in self._meant and not _is_retired(found)
        ]
        if remove:
            for found in stale:
                if found.kind is not Kind.GROUP:
                    self._remove(found)
            self._remove_groups([found for found in stale if found.kind is Kind.GROUP])
        elif stale:
            self.notes.append(f"{len(stale)} owned objects are not named any more; --prune removes them")

    def check_units(self) -> None:
        """Refuse what would have to happen in one transaction and does not fit into one."""
        for unit, count in Counter(each.unit for each in self.operations if each.unit).items():
            if count > BATCH_LIMIT:
                self.conflicts.append(
                    f"user {unit}: {count} memberships in groups that also deny change at once; "
                    f"at most {BATCH_LIMIT} can"
                )

    def _may_touch(self, found: Found, wanted: Wanted) -> bool:
        if found.owner == wanted.owner or (found.owner is None and self._take_over):
            return True
        if wanted.kind in (Kind.MEMBERSHIP, Kind.GRANT) and not _difference(found, wanted):
            self.unchanged += 1  # it is there, and stays whose it is
            return False
        whose = "nobody; --take-over claims it" if found.owner is None else repr(found.owner)
        self.conflicts.append(f"{wanted.place}: {label(wanted.kind, wanted.key)} belongs to {whose}")
        return False

    def _create(self, wanted: Wanted) -> None:
        facts = {
            name: value for name, value in wanted.facts.items() if name != "published" and value is not None
        }
        if wanted.kind is Kind.MCP and not {"transport", "options"} <= facts.keys():
            self.conflicts.append(f"{wanted.place}: a new MCP needs 'transport' and 'options'")
            return
        if is_masked(facts.get("options")):
            self._refuse_mask(wanted)
            return
        is_new = any(
            (kind, (name,)) not in self._by_key for kind, name in _references(wanted.kind, wanted.key)
        )
        phase = phase_of_creation(wanted.kind, wanted.key, denying=self._denying, is_new=is_new)
        self._add(Action.CREATE, wanted, phase, after=facts)
        if wanted.facts.get("published"):
            self._publish(wanted, published=True)

    def _change(self, found: Found, wanted: Wanted) -> None:
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
        before = {name: found.owner if name == "owner" else found.facts[name] for name in after}
        phase = phase_of_change(wanted.kind, wanted.key, before, after)
        self._add(Action.CHANGE, wanted, phase, before=before, after=after, item_id=found.item_id)

    def _refuse_mask(self, wanted: Wanted) -> None:
        self.conflicts.append(
            f"{wanted.place}: options: {MASK} stands for a secret; write env://NAME or file:///PATH in its place"
        )

    def _publish(self, wanted: Wanted, *, published: bool) -> None:
        before, after = {"published": not published}, {"published": published}
        phase = phase_of_change(wanted.kind, wanted.key, before, after)
        self._add(Action.CHANGE, wanted, phase, before=before, after=after)

    def _place_ended(self, found: Found | None, wanted: Wanted) -> None:
        if found is None or found.owner != wanted.owner or self._is_over(found.facts):
            self.unchanged += 1
        else:
            self._remove(found)

    def _remove(self, found: Found) -> None:
        self._meant.add(id(found))
        phase = phase_of_removal(found.kind, found.key, denying=self._denying)
        self._add(Action.REMOVE, found, phase, before=found.facts, item_id=found.item_id)

    def _remove_groups(self, groups: list[Found]) -> None:
        # Deleting a group deletes what is in it, whoever owns that: only groups that hold nothing any more are deleted.
        removed = {
            (each.kind, each.key, each.item_id) for each in self.operations if each.action is Action.REMOVE
        }
        held = Counter(
            item.key[0]
            for item in self._current
            if item.kind in (Kind.MEMBERSHIP, Kind.GRANT)
            and (item.kind, item.key, item.item_id) not in removed
        )
        held.update(
            item.key[0] for item in self._desired.objects if item.kind in (Kind.MEMBERSHIP, Kind.GRANT)
        )
        for group in groups:
            if held[group.key[0]]:
                self.notes.append(f"group {group.key[0]} stays: it holds memberships or grants of others")
            else:
                self._remove(group)

    def _is_over(self, facts: Facts) -> bool:
        expires_at = facts["expires_at"]
        return expires_at is not None and datetime.fromisoformat(expires_at) <= self._now

    def _add(
        self,
        action: Action,
        item: Wanted | Found,
        phase: Phase,
        *,
        before: Facts | None = None,
        after: Facts | None = None,
        item_id: str | None = None,
    ) -> None:
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
                facts=item.facts,
                unit=item.key[1] if phase is Phase.SWAP else "",
            )
        )


def _everything(current: Iterable[Found], desired: Desired) -> Iterator[Found | Wanted]:
    yield from current
    yield from desired.objects


def _references(kind: Kind, key: Key) -> list[tuple[Kind, str]]:
    match kind:
        case Kind.MEMBERSHIP:
            return [(Kind.GROUP, key[0]), (Kind.USER, key[1])]
        case Kind.GRANT:
            return [(Kind.GROUP, key[0]), (Kind.MCP, key[1])]
        case Kind.KEY:
            return [(Kind.USER, key[0])]
        case _:
            return []


def _distance(found: Found, wanted: Wanted) -> tuple[int, bool]:
    foreign = 0 if found.owner == wanted.owner else 1 if found.owner is None else 2
    return foreign, bool(_difference(found, wanted))


def _difference(found: Found, wanted: Wanted) -> dict[str, Any]:
    """Return the wanted facts that differ; how long a key lasts is only said when it is made."""
    if wanted.kind is Kind.KEY:
        return {}
    return {
        name: value
        for name, value in wanted.facts.items()
        if not _SAME.get(name, _is_equal)(found.facts[name], value)
    }


def _is_equal(found: Any, wanted: Any) -> bool:
    return bool(found == wanted)


_SAME: Mapping[str, Callable[[Any, Any], bool]] = {"options": matches_masked}


def _is_retired(found: Found) -> bool:
    match found.kind:
        case Kind.USER:
            return bool(found.facts["status"] == "deactivated")
        case Kind.MCP:
            return not found.facts["published"]
        case _:
            return False
