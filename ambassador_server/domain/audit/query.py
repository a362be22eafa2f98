"""Audit queries as a tree; a store compiles them to SQL, and `matches` evaluates them in Python."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ambassador_server.domain.audit.events import AuditEvent
from ambassador_server.domain.shared.globs import glob_matches

MAX_TEXT = 512
"""The audit is searched by the first characters of a text, this many."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class Attribute(StrEnum):
    """What an event can be searched by; the values are the columns of the index."""

    ACTION = "action"
    OUTCOME = "outcome"
    ACTOR_KIND = "actor_kind"
    ACTOR_NAME = "actor_name"
    RESOURCE_KIND = "resource_kind"
    RESOURCE_ID = "resource_id"
    RESOURCE_NAME = "resource_name"
    REASON = "reason"
    REQUEST_ID = "request_id"
    SESSION_ID = "session_id"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Is:
    """The attribute is set and equals this value."""

    attribute: Attribute
    value: str


@dataclass(frozen=True, slots=True)
class Like:
    """The attribute is set and matches this glob."""

    attribute: Attribute
    glob: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The attribute is set and equals one of these values."""

    attribute: Attribute
    values: tuple[str, ...]


class Member(StrEnum):
    """A member of the details by whose value events can be found."""

    USER = "user"
    GROUP = "group"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Mentions:
    """The details have this member with one of these values, at any depth."""

    member: Member
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """The event is about this user; which events these are depends on the keys and groups of the user.

    `subjects.resolve` replaces it by comparisons before a query is evaluated.
    """

    user: str


@dataclass(frozen=True, slots=True)
class Since:
    """The event happened at this time or later."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Until:
    """The event happened before this time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Not:
    """The part is false; a comparison with an attribute that is not set is false, never undefined."""

    part: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """Every part is true."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part is true."""

    parts: tuple["Query", ...]


Comparison = Is | Like | OneOf | Mentions | About | Since | Until
Query = Comparison | Not | And | Or

EVERYTHING = And(())


def all_of(*parts: Query) -> Query:
    """Return the query that is true if all of these are."""
    narrowing = [part for part in parts if part != EVERYTHING]
    return narrowing[0] if len(narrowing) == 1 else And(tuple(narrowing))


def matches(query: Query, event: AuditEvent) -> bool:
    """Tell whether an event matches a query."""
    match query:
        case Not(part):
            return not matches(part, event)
        case And(parts):
            return all(matches(part, event) for part in parts)
        case Or(parts):
            return any(matches(part, event) for part in parts)
        case _:
            return _holds(query, event)


def _holds(comparison: Comparison, event: AuditEvent) -> bool:
    match comparison:
        case Is(attribute, value):
            return value_of(attribute, event) == value
        case Like(attribute, glob):
            text = value_of(attribute, event)
            return text is not None and glob_matches(glob, text)
        case OneOf(attribute, values):
            return value_of(attribute, event) in values
        case Mentions(member, values):
            return any(value in values for value in _values_of(member, event.details))
        case About(user):
            raise LookupError(f"which events are about {user!r} was not looked up")
        case Since(at):
            return event.at >= at
        case Until(at):
            return event.at < at


def comparisons(query: Query) -> Iterable[Comparison]:
    """Yield every comparison of a query."""
    match query:
        case Not(part):
            yield from comparisons(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from comparisons(part)
        case _:
            yield query


def replaced(query: Query, by: Callable[[Comparison], Query]) -> Query:
    """Return the query with each comparison replaced."""
    match query:
        case Not(part):
            return Not(replaced(part, by))
        case And(parts):
            return And(tuple(replaced(part, by) for part in parts))
        case Or(parts):
            return Or(tuple(replaced(part, by) for part in parts))
        case _:
            return by(query)


def _values_of(member: Member, details: Mapping[str, Any]) -> Iterable[str]:
    """Yield every text that a member of this name has in the details, at any depth."""
    pending: list[Any] = [details]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            found = part.get(member)
            if isinstance(found, str):
                yield found
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part


def value_of(attribute: Attribute, event: AuditEvent) -> str | None:
    """Return the attribute of an event as the index stores it."""
    return searchable(_READ[attribute](event))


def searchable(text: str | None) -> str | None:
    """Return the text as the index stores it: cut to size, and without characters that a database driver refuses."""
    if text is None:
        return None
    return _UNSTORABLE.sub(_REPLACEMENT, text[:MAX_TEXT])


_READ: Mapping[Attribute, Callable[[AuditEvent], str | None]] = {
    Attribute.ACTION: lambda event: event.action,
    Attribute.OUTCOME: lambda event: event.outcome,
    Attribute.ACTOR_KIND: lambda event: event.actor.kind,
    Attribute.ACTOR_NAME: lambda event: event.actor.name,
    Attribute.RESOURCE_KIND: lambda event: event.resource.kind,
    Attribute.RESOURCE_ID: lambda event: event.resource.id,
    Attribute.RESOURCE_NAME: lambda event: event.resource.name,
    Attribute.REASON: lambda event: event.reason,
    Attribute.REQUEST_ID: lambda event: event.request_id,
    Attribute.SESSION_ID: lambda event: event.session_id,
    Attribute.SOURCE: lambda event: event.source,
}
