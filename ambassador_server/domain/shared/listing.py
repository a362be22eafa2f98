"""What can be asked of a list: which objects, in which order, and which page of them."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Generic, TypeVar

from ambassador_server.domain.shared.globs import glob_matches
from ambassador_server.errors import InvalidInputError

T = TypeVar("T")

MAX_CONDITIONS = 20
MAX_VALUE = 512

_CONDITION = re.compile(r"([a-z_]{1,64})(!=|=|~)(.*)", re.DOTALL)


class Operator(StrEnum):
    """How a field is compared; all three mind the case."""

    IS = "="
    IS_NOT = "!="
    LIKE = "~"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold. A field that is not set, or has no members, reads as the empty text.

    A field with several members meets `=` and `~` when one of them does, and `!=` when none equals the value.
    """

    field: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        """Raise InvalidInputError for a value that is longer than any that is stored under a name."""
        if len(self.value) > MAX_VALUE:
            raise InvalidInputError(f"filter: the value is longer than {MAX_VALUE} characters")

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read `field=value`, `field!=value` or `field~glob`."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise InvalidInputError(
                f"filter: {text[:60]!r} must be FIELD=VALUE, FIELD!=VALUE or FIELD~GLOB, where '*' matches anything"
            )
        name, operator, value = found.groups()
        return cls(name, Operator(operator), value)

    def matches(self, text: str) -> bool:
        """Tell whether a text is the value, or one the glob stands for; `!=` is for the caller to turn round."""
        return glob_matches(self.value, text) if self.operator is Operator.LIKE else text == self.value

    def holds(self, members: Collection[str]) -> bool:
        """Tell whether the condition holds for a field with these members."""
        found = any(self.matches(member) for member in members or ("",))
        return found is not (self.operator is Operator.IS_NOT)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a sorted list: what the object there is sorted by, as text, and its id."""

    sort: str | None
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a list: at most `limit` objects behind `after`, ties of the sort in the order of their ids.

    What is not set sorts first. Without `sort` a list has its own order: by name, else by creation. With `open_at`
    it holds only what has not ended at that time, of the nouns that end.
    """

    conditions: tuple[Condition, ...] = ()
    sort: str | None = None
    descending: bool = False
    limit: int = 100
    after: Position | None = None
    open_at: datetime | None = None

    def __post_init__(self) -> None:
        """Raise InvalidInputError for more than anybody needs."""
        if len(self.conditions) > MAX_CONDITIONS:
            raise InvalidInputError(f"filter: at most {MAX_CONDITIONS} conditions can be combined")
        if self.limit < 1:
            raise InvalidInputError("limit: must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """One page; `following` is where the next begins, None on the last. `total` counts what the conditions match."""

    items: tuple[T, ...]
    following: Position | None
    total: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a list understands: its filters, each with the values it takes unless that is any, and its sorts."""

    noun: str
    filters: Mapping[str, Collection[str] | None]
    sorts: Collection[str]

    def check(self, listing: Listing) -> None:
        """Raise InvalidInputError for a word that is not in it, naming those that are."""
        for condition in listing.conditions:
            _check_word(f"filter: a {self.noun} cannot be found by", condition.field, self.filters)
            values = self.filters[condition.field]
            if values is not None and condition.value and condition.operator is not Operator.LIKE:
                _check_word(f"filter: the {condition.field} is never", condition.value, values)
        if listing.sort is not None:
            _check_word(f"sort: a {self.noun} cannot be sorted by", listing.sort, self.sorts)


def _check_word(complaint: str, word: str, known: Collection[str]) -> None:
    if word in known:
        return
    near = get_close_matches(word, known, n=1)
    guess = f"did you mean '{near[0]}'? Known are" if near else "known are"
    raise InvalidInputError(f"{complaint} {word[:60]!r}; {guess} {', '.join(known) or 'none'}")


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """How a field of an object in memory is read; one with several members cannot be sorted by, a time not filtered.

    `values` is the closed list of what it can be.
    """

    read: Callable[[T], str | datetime | tuple[str, ...] | None]
    filters: bool = True
    sorts: bool = True
    values: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryList(Generic[T]):
    """How to list objects in memory as a database would; `order` is theirs when nobody asks for another."""

    noun: str
    fields: Mapping[str, Field[T]]
    order: Field[T]
    item_id: Callable[[T], str]
    vocabulary: Vocabulary = field(init=False)

    def __post_init__(self) -> None:
        """Derive the words from the fields."""
        filters = {name: each.values for name, each in self.fields.items() if each.filters}
        sorts = [name for name, each in self.fields.items() if each.sorts]
        object.__setattr__(self, "vocabulary", Vocabulary(self.noun, filters, sorts))

    def page(self, items: Iterable[T], listing: Listing) -> Slice[T]:
        """Cut one page out of the objects."""
        self.vocabulary.check(listing)
        found = [item for item in items if self._is_wanted(item, listing)]
        read = (self.order if listing.sort is None else self.fields[listing.sort]).read
        rows = sorted(
            ((sort_text(read(item)), self.item_id(item), item) for item in found),
            key=lambda row: _place(row[0], row[1]),
            reverse=listing.descending,
        )
        if listing.after is not None:
            start = _place(listing.after.sort, listing.after.item_id)
            rows = [
                row
                for row in rows
                if (_place(row[0], row[1]) < start if listing.descending else _place(row[0], row[1]) > start)
            ]
        shown = rows[: listing.limit]
        following = Position(*shown[-1][:2]) if len(rows) > len(shown) else None
        return Slice(items=tuple(row[2] for row in shown), following=following, total=len(found))

    def _is_wanted(self, item: T, listing: Listing) -> bool:
        return all(
            condition.holds(_members(self.fields[condition.field].read(item)))
            for condition in listing.conditions
        )


def sort_text(value: object) -> str | None:
    """Return what an object is sorted by as text that sorts the same."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _members(value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return () if value is None else (str(value),)


def _place(sort: str | None, item_id: str) -> tuple[bool, str, str]:
    return sort is not None, sort or "", item_id
