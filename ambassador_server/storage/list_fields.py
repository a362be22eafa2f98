"""The fields of a list as SQL: how each kind of field is filtered and sorted."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import EnumType
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    exists,
    false,
    literal,
    not_,
    or_,
    select,
    type_coerce,
)

from ambassador_server.domain.shared.listing import Condition, Operator
from ambassador_server.storage.dialects import Dialect
from ambassador_server.storage.types import EnumText, TextTuple, UtcDateTime

Match = Callable[[ColumnElement[str]], ColumnElement[bool]]


class Field(Protocol):
    """One field; `sort` is None when the list cannot be sorted by it, `values` when any text is possible."""

    @property
    def filters(self) -> bool:
        """Tell whether the list can be filtered by it."""
        ...

    @property
    def sort(self) -> ColumnElement[Any] | None:
        """Return the expression to sort by."""
        ...

    @property
    def nullable(self) -> bool:
        """Tell whether it may be unset."""
        ...

    @property
    def values(self) -> Collection[str] | None:
        """Return every possible value."""
        ...

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that it is unset or has no members."""
        ...

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition, never null, that it or one of its members matches."""
        ...


@dataclass(frozen=True)
class OwnColumn:
    """A column of the object itself."""

    column: Column[Any]

    @property
    def filters(self) -> bool:
        """Tell whether it can be filtered by, which a time cannot."""
        return not isinstance(self.column.type, UtcDateTime)

    @property
    def sort(self) -> ColumnElement[Any]:
        """Return the column."""
        return self.column

    @property
    def nullable(self) -> bool:
        """Tell whether the column may be null."""
        return bool(self.column.nullable)

    @cached_property
    def values(self) -> Collection[str] | None:
        """Return the words of an enumeration."""
        return (
            [str(word) for word in self.column.type.choices]
            if isinstance(self.column.type, EnumText)
            else None
        )

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that the column is null."""
        return self.column.is_(None) if self.nullable else false()

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that the column matches."""
        return and_(self.column.is_not(None), match(self.column)) if self.nullable else match(self.column)


@dataclass(frozen=True)
class StatusUntilExpiry:
    """A status that a time replaces by `expired`, except the last status, which stays; see `at`."""

    status: Column[Any]
    expires_at: Column[Any]
    last: str
    expired: str
    now: datetime | None = None

    filters = True
    nullable = False

    def at(self, now: datetime | None) -> "StatusUntilExpiry":
        """Return the field with the time by which something counts as expired; None for the stored status."""
        return replace(self, now=now)

    @property
    def sort(self) -> ColumnElement[str]:
        """Return the status at that time."""
        stored = type_coerce(self.status, String)
        if self.now is None:
            return stored
        over = and_(self.expires_at <= literal(self.now, self.expires_at.type), stored != self.last)
        return case((over, literal(self.expired, String)), else_=stored)

    @property
    def values(self) -> Collection[str]:
        """Return every status."""
        return [*(OwnColumn(self.status).values or ()), self.expired]

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that never holds."""
        return false()

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that the status at that time matches."""
        return match(self.sort)


@dataclass(frozen=True)
class Flag:
    """What holds or not, as the words true and false; `holds` returns the condition at the time `now`."""

    holds: Callable[[datetime | None], ColumnElement[bool]]
    now: datetime | None = None

    filters = True
    nullable = False
    values = ("false", "true")

    def at(self, now: datetime | None) -> "Flag":
        """Return the field at a time."""
        return replace(self, now=now)

    @property
    def sort(self) -> ColumnElement[str]:
        """Return the word."""
        return case((self.holds(self.now), literal("true", String)), else_=literal("false", String))

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that never holds."""
        return false()

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that the word matches."""
        return match(self.sort)


@dataclass(frozen=True)
class ReferencedName:
    """The name of the object that a foreign key refers to, or, with `through`, of the one that object refers to."""

    key: Column[Any]
    through: Column[Any] | None = None

    filters = True
    values = None

    @property
    def sort(self) -> ColumnElement[Any]:
        """Return the name."""
        first = _target(self.key)
        if self.through is None:
            return select(_name(first)).where(first == self.key).scalar_subquery()
        second = _target(self.through)
        way = select(_name(second)).join_from(first.table, second.table, second == self.through)
        return way.where(first == self.key).scalar_subquery()

    @property
    def nullable(self) -> bool:
        """Tell whether the key may be null."""
        return bool(self.key.nullable)

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that the key is null."""
        return self.key.is_(None) if self.nullable else false()

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that the name matches; names are searched first, because they are few and indexed."""
        found = self.key.in_(_named(self.key, match))
        if self.through is not None:
            found = self.key.in_(
                select(_target(self.key)).where(self.through.in_(_named(self.through, match)))
            )
        return and_(self.key.is_not(None), found) if self.nullable else found


@dataclass(frozen=True)
class LinkedNames:
    """The names of the objects that a table of pairs links to this one."""

    item_id: Column[Any]
    here: Column[Any]
    there: Column[Any]

    filters = True
    sort = None
    nullable = True
    values = None

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that the object is in no pair."""
        return self.item_id.not_in(select(self.here))

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that one of the names matches."""
        return self.item_id.in_(select(self.here).where(self.there.in_(_named(self.there, match))))


@dataclass(frozen=True)
class WordList:
    """The words of a column that holds several."""

    column: Column[Any]

    filters = True
    sort = None
    nullable = True

    @cached_property
    def values(self) -> Collection[str] | None:
        """Return the words of an enumeration."""
        word: Any = self.column.type.word if isinstance(self.column.type, TextTuple) else None
        return list(map(str, word)) if isinstance(word, EnumType) else None

    def is_empty(self) -> ColumnElement[bool]:
        """Return the condition that the list is empty."""
        return self.column == ()

    def has(self, match: Match, dialect: Dialect) -> ColumnElement[bool]:
        """Return the condition that one of the words matches."""
        return exists(select(literal(1)).where(match(dialect.words(self.column))))


def where(field: Field, condition: Condition, dialect: Dialect) -> ColumnElement[bool]:
    """Return the condition in SQL."""

    def match(text: ColumnElement[str]) -> ColumnElement[bool]:
        if condition.operator is Operator.LIKE and "*" in condition.value:
            return dialect.glob(text, condition.value)
        return text == condition.value

    found = field.has(match, dialect)
    if field.nullable and condition.matches(""):
        found = or_(field.is_empty(), found)
    return not_(found) if condition.operator is Operator.IS_NOT else found


def _target(key: Column[Any]) -> Column[Any]:
    (foreign,) = key.foreign_keys
    return foreign.column


def _name(target: Column[Any]) -> Column[Any]:
    return target.table.c["name"]


def _named(key: Column[Any], match: Match) -> Select[Any]:
    target = _target(key)
    return select(target).where(match(_name(target)))
