"""Defines how the items of a noun are shown: their columns, formatters and fields."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ambassador_admin.errors import UsageError
from ambassador_admin.output.text import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Item = Mapping[str, Any]
"""One object as the admin API returned it."""

NOTHING = "-"
_MISSING = object()

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_LONG_AGO = timedelta(days=90)


def plain(value: Any, _: datetime) -> str:
    """Format any value in one line."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return printable(", ".join(value))
    if isinstance(value, str):
        return printable(value)
    return printable(json.dumps(value, ensure_ascii=False))


def relative_time(value: Any, now: datetime) -> str:
    """Format a time relative to now, or as its date when it is more than 90 days away."""
    moment = _moment(value)
    if moment is None:
        return plain(value, now)
    distance = abs(moment - now)
    if distance > _LONG_AGO:
        return moment.strftime("%Y-%m-%d")
    seconds = int(distance.total_seconds())
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    # Rounded in the future, so that a new duration of 8 hours is "in 8h"; truncated in the past.
    return f"in {round(seconds / size)}{unit}" if moment > now else f"{seconds // size}{unit} ago"


def end_time(value: Any, now: datetime) -> str:
    """Format the time at which something ends, or has ended."""
    moment, text = _moment(value), relative_time(value, now)
    return f"expired {text}" if moment is not None and moment <= now else text


def duration(value: Any, now: datetime) -> str:
    """Format a number of seconds."""
    return f"{value:g}s" if isinstance(value, int | float) else plain(value, now)


def exact_time(value: Any, now: datetime) -> str:
    """Format a time to the second, in UTC."""
    moment = _moment(value)
    return plain(value, now) if moment is None else moment.strftime("%Y-%m-%d %H:%M:%SZ")


def lookup(item: Item, field: str) -> Any:
    """Return the value at a dotted path, or None."""
    value = _find(item, field)
    return None if value is _MISSING else value


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table and one line of a record; `fallback` is the field shown when `field` is None.

    The values of the lists `more` follow in the same cell, each after its name, unless all of them are None.
    A `whole` column is cut last of all; an `id` column can be cut to its first 8 characters. A `wraps` column is the
    last one and never cut. Of a column with `ends`, a narrow table shows the last characters, as many as the numbers
    say in turn, before any other column is cut. `wide` columns are only in the wide table; `status` columns are
    coloured.
    """

    title: str
    field: str
    show: Callable[[Any, datetime], str] = plain
    fallback: str | None = None
    more: tuple[str, ...] = ()
    whole: bool = False
    ends: tuple[int, ...] = ()
    wraps: bool = False
    id: bool = False
    wide: bool = False
    status: bool = False

    def text(self, item: Item, now: datetime) -> str:
        """Return the formatted value of an item."""
        value = lookup(item, self.field)
        if value is None and self.fallback is not None:
            value = lookup(item, self.fallback)
        others = {name: lookup(item, name) for name in self.more}
        if all(other is None for other in others.values()):
            return self.show(value, now)
        first = self.show(value, now) if value else f"no {self.field}"
        rest = [f"{name} {self.show(each, now)}" if each else f"no {name}" for name, each in others.items()]
        return ", ".join([first, *rest])


@dataclass(frozen=True, slots=True)
class View:
    """How one kind of item is shown; `fields` are the names of the JSON output contract, with dots for nested ones."""

    plural: str
    columns: tuple[Column, ...]
    fields: tuple[str, ...]

    @property
    def handle(self) -> str:
        """Return the field by which commands name an item: its id if it has a column, else its name."""
        ids = [column.field for column in self.columns if column.id or column.title == "ID"]
        return ids[0] if ids else "name" if "name" in self.fields else self.columns[0].field

    def ordered(self, item: Item) -> dict[str, Any]:
        """Return the item with the known fields first, in their order, then unknown ones, sorted."""
        first = {name: item[name] for name in self._names() if name in item}
        return first | {name: item[name] for name in sorted(item.keys() - first.keys())}

    def select(self, item: Item, fields: Sequence[str] | None) -> dict[str, Any]:
        """Return the requested fields of an item, or the whole item."""
        return self.ordered(item) if fields is None else {field: lookup(item, field) for field in fields}

    def columns_for(self, fields: Sequence[str] | None, *, wide: bool) -> tuple[Column, ...]:
        """Return the columns of a table with these fields, or of the default ones."""
        if fields is None:
            return tuple(column for column in self.columns if wide or not column.wide)
        formatters = {column.field: column.show for column in self.columns}
        return tuple(Column(field.upper(), field, formatters.get(field, plain)) for field in fields)

    def check_fields(self, fields: Sequence[str], items: Sequence[Item]) -> None:
        """Raise UsageError for a field that is neither known nor in the items."""
        for field in fields:
            known = any(_within(field, name) or _within(name, field) for name in self.fields)
            if not known and all(_find(item, field) is _MISSING for item in items):
                raise UsageError(
                    f"There is no field {field!r}.", hint=f"--fields takes {', '.join(self.fields)}"
                )

    def _names(self) -> list[str]:
        return list(dict.fromkeys(field.partition(".")[0] for field in self.fields))


def fields_of(body: "type[DataclassInstance]", prefix: str = "") -> tuple[str, ...]:
    """Return the field names of a body, each with the prefix."""
    return tuple(prefix + field.name for field in fields(body))


def _find(item: Item, field: str) -> Any:
    value: Any = item
    for name in field.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
