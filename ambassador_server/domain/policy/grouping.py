"""Objects gathered by what they share, and brought up to date object by object instead of all over again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")
P = TypeVar("P")


class Created(Protocol):
    """Anything that knows when it came to be."""

    @property
    def created_at(self) -> datetime: ...


C = TypeVar("C", bound=Created)


@dataclass(frozen=True)
class Grouping(Generic[C, P]):
    """How objects are gathered by place; those of one place are in the order of their creation."""

    place: Callable[[C], P]
    id_of: Callable[[C], str]

    def of(self, items: Iterable[C]) -> dict[P, tuple[C, ...]]:
        """Gather the objects from nothing."""
        gathered = gather((self.place(item), item) for item in items)
        return {place: self._in_order(together) for place, together in gathered.items()}

    def amended(
        self,
        gathered: Mapping[P, tuple[C, ...]],
        before: Mapping[str, C],
        after: Mapping[str, C],
        touched: Iterable[str],
    ) -> Mapping[P, tuple[C, ...]]:
        """Return what was gathered from `before` as it has to be for `after`, where only `touched` ids differ."""
        if before is after:
            return gathered
        left = [before[item_id] for item_id in touched if item_id in before]
        came = gather((self.place(item), item) for item_id in touched if (item := after.get(item_id)))
        gone = {self.id_of(item) for item in left}
        amended = dict(gathered)
        for place in {self.place(item) for item in left} | came.keys():
            stayed = (item for item in amended.pop(place, ()) if self.id_of(item) not in gone)
            if together := (*stayed, *came.get(place, ())):
                amended[place] = self._in_order(together)
        return amended

    def _in_order(self, items: tuple[C, ...]) -> tuple[C, ...]:
        if len(items) < 2:
            return items
        return tuple(sorted(items, key=lambda item: (item.created_at, self.id_of(item))))


def gather(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    """Return the values of each key together."""
    gathered: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        gathered[key].append(value)
    return {key: tuple(values) for key, values in gathered.items()}


def put(before: Mapping[K, V], changes: Mapping[K, V | None]) -> Mapping[K, V]:
    """Return the mapping with these values put in, or taken out where they are None; itself if nothing differs."""
    differing = {key: value for key, value in changes.items() if before.get(key) != value}
    if not differing:
        return before
    after = {**before, **{key: value for key, value in differing.items() if value is not None}}
    for key, value in differing.items():
        if value is None:
            del after[key]
    return after
