"""What can be asked of the audit, as a small tree; a database compiles it, and `matches` says the same in Python."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ambassador_server.domain.audit.events import AuditEvent
from ambassador_server.domain.shared.globs import glob_matches

MAX_TEXT = 512
"""Characters of a text that the audit is searched by; longer ones are cut."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class Attribute(StrEnum):
    """What an event can be found by, named as the columns of the index."""

    ACTION = "action"
    OUTCOME = "outcome"
    ACTOR_KIND = "actor_kind"
    ACTOR_NAME = "actor_name"
    RESOURCE_KIND = "resource_kind"
    RESOURCE_NAME = "resource_name"
    REASON = "reason"
    REQUEST_ID = "request_id"
    SESSION_ID = "session_id"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Is:
    """The attribute is set and is exactly this."""

    attribute: Attribute
    value: str


@dataclass(frozen=True, slots=True)
class Like:
    """The attribute is set and the glob stands for it."""

    attribute: Attribute
    glob: str


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
    """The part does not hold; every part holds or does not, whether an attribute is set or not."""

    part: "Query"


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part holds."""

    parts: tuple["Query", ...]


Query = Is | Like | Since | Until | Not | And | Or

EVERYTHING = And(())


def both(*parts: Query) -> Query:
    """Return what holds when all of these do."""
    said = [part for part in parts if part != EVERYTHING]
    return said[0] if len(said) == 1 else And(tuple(said))


def matches(query: Query, event: AuditEvent) -> bool:
    """Tell whether an event is one of those asked for."""
    match query:
        case Is(attribute, value):
            return read(attribute, event) == value
        case Like(attribute, glob):
            text = read(attribute, event)
            return text is not None and glob_matches(glob, text)
        case Since(at):
            return event.at >= at
        case Until(at):
            return event.at < at
        case Not(part):
            return not matches(part, event)
        case And(parts):
            return all(matches(part, event) for part in parts)
        case Or(parts):
            return any(matches(part, event) for part in parts)


def terms(query: Query) -> Iterable[Is | Like | Since | Until]:
    """Yield every comparison of a query."""
    match query:
        case Not(part):
            yield from terms(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part)
        case _:
            yield query


def read(attribute: Attribute, event: AuditEvent) -> str | None:
    """Return the attribute of an event as the index has it."""
    return searchable(_READ[attribute](event))


def searchable(text: str | None) -> str | None:
    """Return the text as the audit index holds it: any driver takes it, and it fits into an index entry."""
    if text is None:
        return None
    return _UNSTORABLE.sub(_REPLACEMENT, text[:MAX_TEXT])


_READ: Mapping[Attribute, Callable[[AuditEvent], str | None]] = {
    Attribute.ACTION: lambda event: event.action,
    Attribute.OUTCOME: lambda event: event.outcome,
    Attribute.ACTOR_KIND: lambda event: event.actor.kind,
    Attribute.ACTOR_NAME: lambda event: event.actor.name,
    Attribute.RESOURCE_KIND: lambda event: event.resource.kind,
    Attribute.RESOURCE_NAME: lambda event: event.resource.name,
    Attribute.REASON: lambda event: event.reason,
    Attribute.REQUEST_ID: lambda event: event.request_id,
    Attribute.SESSION_ID: lambda event: event.session_id,
    Attribute.SOURCE: lambda event: event.source,
}
