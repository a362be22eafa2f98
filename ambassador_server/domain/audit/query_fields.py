"""The fields of the audit query language: the attribute and the allowed values of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from ambassador_server.domain.audit.events import ActorKind, AuditAction, Outcome
from ambassador_server.domain.audit.query import (
    About,
    Attribute,
    Is,
    Like,
    Query,
    Since,
    Until,
    all_of,
)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PART = re.compile(r"([0-9]{1,9})([smhdw])")
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhdw])+")


@dataclass(frozen=True, slots=True)
class QueryField:
    """One field: `values` maps the allowed values to the stored ones; None allows any text.

    `within` is set if the field applies to one kind of resource only.
    """

    attribute: Attribute
    meaning: str
    values: Mapping[str, str] | None = None
    within: str | None = None
    globs: bool = True

    def equals(self, value: str) -> Query:
        """Return a comparison for equality. Raises ValueError with the allowed values."""
        if self.values is not None and value not in self.values:
            near = get_close_matches(value, self.values, n=3)
            guess = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ValueError(f"is one of {', '.join(self.values)}{guess}")
        stored = value if self.values is None else self.values[value]
        return self._narrowed(Is(self.attribute, stored))

    def resembles(self, glob: str) -> Query:
        """Return a comparison with a glob. Raises ValueError if the field allows none."""
        if not self.globs:
            raise ValueError("is compared with = and != only")
        return self._narrowed(Like(self.attribute, glob) if "*" in glob else Is(self.attribute, glob))

    def written(self, stored: str | None) -> str | None:
        """Return a stored value in the form that queries use."""
        written = {} if self.values is None else {value: name for name, value in self.values.items()}
        return None if stored is None else written.get(stored, stored)

    def _narrowed(self, query: Query) -> Query:
        return query if self.within is None else all_of(Is(Attribute.RESOURCE_KIND, self.within), query)


@dataclass(frozen=True, slots=True)
class SubjectField:
    """A field that is compared with the user whom an event is about; events cannot be counted by it."""

    meaning: str
    values: None = None

    def equals(self, value: str) -> Query:
        """Return the comparison with a user."""
        return About(value)

    def resembles(self, _: str) -> Query:
        """Raise ValueError: the keys and groups of a user are found by the exact name."""
        raise ValueError("is compared with = and != only")


@dataclass(frozen=True, slots=True)
class TimeField:
    """A field that is compared with the time of an event."""

    compare: type[Since] | type[Until]
    meaning: str

    def at(self, text: str, now: datetime) -> Query:
        """Return a comparison with a time, or with a duration that counts back from now. Raises ValueError."""
        try:
            return self.compare(_moment(text, now))
        except (ValueError, OverflowError):
            raise ValueError(
                "takes a duration such as 30m, 1h30m or 7d, or a time such as 2026-11-20T10:00Z"
            ) from None


def _same(values: type[ActorKind] | type[AuditAction] | type[Outcome]) -> dict[str, str]:
    return {value.value: value.value for value in values}


_ACTOR = QueryField(Attribute.ACTOR_NAME, "the name of who did it")
_REQUEST = QueryField(Attribute.REQUEST_ID, "the id of the request")
_SESSION = QueryField(Attribute.SESSION_ID, "the id of the session")

COUNTED_FIELDS: Mapping[str, QueryField] = {
    "user": _ACTOR,
    "actor": _ACTOR,
    "actor_kind": QueryField(Attribute.ACTOR_KIND, "what did it", _same(ActorKind)),
    "tool": QueryField(
        Attribute.RESOURCE_NAME, "the canonical name of the tool it was done with", within="tool"
    ),
    "resource": QueryField(Attribute.RESOURCE_NAME, "the name of what it was done to, of any kind"),
    "kind": QueryField(
        Attribute.RESOURCE_KIND, "what it was done to: tool, resource, prompt, mcp, user, ..."
    ),
    "action": QueryField(Attribute.ACTION, "what was done, as area:subject:verb", _same(AuditAction)),
    "outcome": QueryField(Attribute.OUTCOME, "how it ended", _same(Outcome)),
    "decision": QueryField(
        Attribute.OUTCOME,
        "the outcome in the words of a policy",
        {"permit": Outcome.PERMITTED.value, "deny": Outcome.DENIED.value},
        globs=False,
    ),
    "reason": QueryField(Attribute.REASON, "why it was denied or failed"),
    "request": _REQUEST,
    "request_id": _REQUEST,
    "session": _SESSION,
    "session_id": _SESSION,
    "source": QueryField(Attribute.SOURCE, "the address it came from"),
}

"""The fields that events can be counted by, because each has one value of them."""

FIELDS: Mapping[str, QueryField | SubjectField] = {
    **COUNTED_FIELDS,
    "subject": SubjectField("the user whom a grant, membership, key or role is about"),
}

TIME_FIELDS: Mapping[str, TimeField] = {
    "since": TimeField(Since, "not before"),
    "until": TimeField(Until, "before"),
}


def _moment(text: str, now: datetime) -> datetime:
    if _DURATION.fullmatch(text):
        return now - timedelta(seconds=sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(text)))
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
