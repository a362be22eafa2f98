"""Indexes over objects, kept up to date from the objects that changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

K = TypeVar("K")
P = TypeVar("P")
V = TypeVar("V")


class Created(Protocol):
    """An object with a time of creation."""

    @property
    def created_at(self) -> datetime: ...


C = TypeVar("C", bound=Created)


@dataclass(frozen=True)
class Index(Generic[C, K]):
    """Finds objects by a key that several may share; objects with the same key are in order of creation."""

    key_of: Callable[[C], K]
    id_of: Callable[[C], str]

    def build(self, items: Iterable[C]) -> dict[K, tuple[C, ...]]:
        """Index all objects; most keys have one, which costs nothing but its place in the index."""
        index: dict[K, tuple[C, ...]] = {}
        shared: dict[K, list[C]] = {}
        for item in items:
            key = self.key_of(item)
            if index.setdefault(key, one := (item,)) is not one:
                shared.setdefault(key, [*index[key]]).append(item)
        index.update((key, self._in_order(tuple(same))) for key, same in shared.items())
        return index

    def updated(
        self,
        index: Mapping[K, tuple[C, ...]],
        before: Mapping[str, C],
        after: Mapping[str, C],
        touched: Iterable[str],
    ) -> Mapping[K, tuple[C, ...]]:
        """Return the index of `after`, given that of `before`; only objects with `touched` ids differ."""
        if before is after:
            return index
        removed = [before[item_id] for item_id in touched if item_id in before]
        added = collect((self.key_of(item), item) for item_id in touched if (item := after.get(item_id)))
        removed_ids = {self.id_of(item) for item in removed}
        result = dict(index)
        for key in {self.key_of(item) for item in removed} | added.keys():
            unchanged = (item for item in result.pop(key, ()) if self.id_of(item) not in removed_ids)
            if items := (*unchanged, *added.get(key, ())):
                result[key] = self._in_order(items)
        return result

    def _in_order(self, items: tuple[C, ...]) -> tuple[C, ...]:
        if len(items) < 2:
            return items
        return tuple(sorted(items, key=lambda item: (item.created_at, self.id_of(item))))


@dataclass(frozen=True)
class TwoLevelIndex(Generic[C, P, K]):
    """An index for each value of an outer key; two mappings take less memory than one with pairs as its keys."""

    outer_key_of: Callable[[C], P]
    inner: Index[C, K]

    def build(self, items: Iterable[C]) -> dict[P, Mapping[K, tuple[C, ...]]]:
        """Index all objects."""
        collected = collect((self.outer_key_of(item), item) for item in items)
        return {key: self.inner.build(same) for key, same in collected.items()}

    def updated(
        self,
        index: Mapping[P, Mapping[K, tuple[C, ...]]],
        before: Mapping[str, C],
        after: Mapping[str, C],
        touched: Iterable[str],
    ) -> Mapping[P, Mapping[K, tuple[C, ...]]]:
        """Return the index of `after`, given that of `before`; only objects with `touched` ids differ."""
        if before is after:
            return index
        removed, added = self._by_outer_key(before, touched), self._by_outer_key(after, touched)
        result = dict(index)
        for key in removed.keys() | added.keys():
            old, new = removed.get(key, {}), added.get(key, {})
            inner = self.inner.updated(result.pop(key, {}), old, new, old.keys() | new.keys())
            if inner:
                result[key] = inner
        return result

    def _by_outer_key(self, items: Mapping[str, C], touched: Iterable[str]) -> dict[P, dict[str, C]]:
        found = collect(
            (self.outer_key_of(item), (item_id, item)) for item_id in touched if (item := items.get(item_id))
        )
        return {key: dict(pairs) for key, pairs in found.items()}


def collect(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    """Return all values of each key."""
    collected: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        collected[key].append(value)
    return {key: tuple(values) for key, values in collected.items()}


def with_changes(before: Mapping[K, V], changes: Mapping[K, V | None]) -> Mapping[K, V]:
    """Return a copy with these values set, or removed where they are None; the mapping itself if none differs."""
    differing = {key: value for key, value in changes.items() if before.get(key) != value}
    if not differing:
        return before
    after = {**before, **{key: value for key, value in differing.items() if value is not None}}
    for key, value in differing.items():
        if value is None:
            del after[key]
    return after
