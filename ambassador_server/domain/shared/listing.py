"""Lists of objects: filters, sorting, and pages."""

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
    """How a field is compared, always case-sensitively."""

    IS = "="
    IS_NOT = "!="
    LIKE = "~"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one field; a field that is not set or has no members counts as the empty text.

    A field with several members meets `=` and `~` if one member does, and `!=` if no member equals the value.
    """

    field: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        """Raise InvalidInputError for a value that is longer than any stored one."""
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
        """Tell whether a text equals the value or matches the glob; for `!=` the caller negates the result."""
        return glob_matches(self.value, text) if self.operator is Operator.LIKE else text == self.value

    def holds(self, members: Collection[str]) -> bool:
        """Tell whether the condition holds for a field with these members."""
        found = any(self.matches(member) for member in members or ("",))
        return found is not (self.operator is Operator.IS_NOT)


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a sorted list: the text that the object there is sorted by, and its id."""

    sort: str | None
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A request for one page: at most `limit` objects after `after`; objects that sort equally are ordered by id.

    A field that is not set sorts first. Without `sort`, a list is ordered by name, or by creation if its objects have
    no name. With `open_at`, objects that have ended by that time are left out. `now` is the time by which a client
    key counts as expired and a kill switch as active.
    """

    conditions: tuple[Condition, ...] = ()
    sort: str | None = None
    descending: bool = False
    limit: int = 100
    after: Position | None = None
    open_at: datetime | None = None
    now: datetime | None = None

    def __post_init__(self) -> None:
        """Raise InvalidInputError for too many conditions and for a limit below 1."""
        if len(self.conditions) > MAX_CONDITIONS:
            raise InvalidInputError(f"filter: at most {MAX_CONDITIONS} conditions can be combined")
        if self.limit < 1:
            raise InvalidInputError("limit: must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """One page of a list; `total` counts all objects that match, `following` is the position before the next page.

    `following` is None on the last page.
    """

    items: tuple[T, ...]
    following: Position | None
    total: int


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The fields a list can be filtered and sorted by; a filter maps to its allowed values, or to None for any."""

    noun: str
    filters: Mapping[str, Collection[str] | None]
    sorts: Collection[str]

    def check(self, listing: Listing) -> None:
        """Raise InvalidInputError for an unknown field or value; the message lists the known ones."""
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
    """How to read one field of an object in memory.

    A field with several members cannot be sorted by, a time cannot be filtered by. `values` is the closed list of
    allowed values.
    """

    read: Callable[[T], str | datetime | tuple[str, ...] | None]
    filters: bool = True
    sorts: bool = True
    values: Collection[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryList(Generic[T]):
    """Lists objects in memory the way a database does; `order` is the field they are sorted by if none is given."""

    noun: str
    fields: Mapping[str, Field[T]]
    order: Field[T]
    item_id: Callable[[T], str]
    vocabulary: Vocabulary = field(init=False)

    def __post_init__(self) -> None:
        """Derive the vocabulary from the fields."""
        filters = {name: each.values for name, each in self.fields.items() if each.filters}
        sorts = [name for name, each in self.fields.items() if each.sorts]
        object.__setattr__(self, "vocabulary", Vocabulary(self.noun, filters, sorts))

    def page(self, items: Iterable[T], listing: Listing) -> Slice[T]:
        """Return one page of the objects."""
        self.vocabulary.check(listing)
        found = [item for item in items if self._matches(item, listing)]
        read = (self.order if listing.sort is None else self.fields[listing.sort]).read
        rows = sorted(
            ((sort_text(read(item)), self.item_id(item), item) for item in found),
            key=lambda row: _sort_key(row[0], row[1]),
            reverse=listing.descending,
        )
        if listing.after is not None:
            start = _sort_key(listing.after.sort, listing.after.item_id)
            rows = [
                row
                for row in rows
                if (
                    _sort_key(row[0], row[1]) < start
                    if listing.descending
                    else _sort_key(row[0], row[1]) > start
                )
            ]
        page = rows[: listing.limit]
        following = Position(*page[-1][:2]) if len(rows) > len(page) else None
        return Slice(items=tuple(row[2] for row in page), following=following, total=len(found))

    def _matches(self, item: T, listing: Listing) -> bool:
        return all(
            condition.holds(_members(self.fields[condition.field].read(item)))
            for condition in listing.conditions
        )


def sort_text(value: object) -> str | None:
    """Return a text that sorts like the value."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _members(value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return () if value is None else (str(value),)


def _sort_key(sort: str | None, item_id: str) -> tuple[bool, str, str]:
    return sort is not None, sort or "", item_id
