"""Finds the events that are about a user: those on the user, on memberships, on keys, and on grants of the groups.

An event names its subject in its resource or in its details, so this holds for events of every age.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.query import (
    MAX_TEXT,
    About,
    And,
    Attribute,
    Comparison,
    Is,
    Member,
    Mentions,
    OneOf,
    Or,
    Query,
    comparisons,
    replaced,
)

MAX_VALUES: Final = 100
"""How many groups or keys one comparison names at most; more of them make several comparisons."""

_OF_USER: Final = (
    AuditAction.MEMBER_ADD,
    AuditAction.MEMBER_REMOVE,
    AuditAction.KEY_ENROL,
    AuditAction.ENROLMENT_CANCEL,
    AuditAction.KEY_ISSUE,
    AuditAction.REQUEST_ASK,
    AuditAction.REQUEST_APPROVE,
    AuditAction.REQUEST_DENY,
    AuditAction.REQUEST_CANCEL,
    AuditAction.REQUEST_EXPIRE,
    AuditAction.REQUEST_USE,
    AuditAction.CREDENTIAL_SET,
    AuditAction.CREDENTIAL_REMOVE,
    AuditAction.CREDENTIAL_REVOKE,
    AuditAction.CREDENTIAL_CONNECT,
    AuditAction.CREDENTIAL_DISCONNECT,
)
"""The actions whose details name the user."""

_OF_KEY: Final = (AuditAction.KEY_UPDATE, AuditAction.KEY_ROTATE, AuditAction.KEY_REVOKE)
"""The actions whose resource is the key of a user."""

_OF_SUBSCRIPTION: Final = (AuditAction.SUBSCRIPTION_SET, AuditAction.SUBSCRIPTION_REMOVE)
"""The actions whose details name the key of a user."""

_OF_GRANT: Final = (AuditAction.GRANT_ADD, AuditAction.GRANT_UPDATE, AuditAction.GRANT_REMOVE)
"""The actions whose details name the group, or the user of a request for access."""

_OF_GROUP: Final = (AuditAction.GROUP_UPDATE, AuditAction.GROUP_REMOVE)
"""The actions whose resource is the group."""


SUBJECT_CHANGES: Final = frozenset(
    {AuditAction.MEMBER_ADD, AuditAction.KEY_ISSUE, AuditAction.KEY_REDEEM, AuditAction.KEY_ROTATE}
)
"""The actions after which a user may have a further group or key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A user with the names of the groups and the ids of the keys that the user has or had."""

    user: str
    groups: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def subjects_in(query: Query) -> frozenset[str]:
    """Return the names of the users that a query is about."""
    return frozenset(part.user for part in comparisons(query) if isinstance(part, About))


def resolve(query: Query, subjects: Mapping[str, Subject]) -> Query:
    """Return the query with each subject replaced by comparisons that find the events about it."""

    def resolved(part: Comparison) -> Query:
        return _about(subjects[part.user]) if isinstance(part, About) else part

    return replaced(query, resolved)


def memberships_of(user: str) -> Query:
    """Return the query for the events that put a user into a group; their resource is the group."""
    return And((Is(Attribute.ACTION, AuditAction.MEMBER_ADD), Mentions(Member.USER, (user,))))


def _about(subject: Subject) -> Query:
    return Or(
        (
            And((Is(Attribute.RESOURCE_KIND, "user"), Is(Attribute.RESOURCE_NAME, subject.user))),
            And((Is(Attribute.ACTION, AuditAction.KEY_REDEEM), Is(Attribute.ACTOR_NAME, subject.user))),
            *_with((*_OF_USER, *_OF_GRANT), [Mentions(Member.USER, (subject.user,))]),
            *_with(_OF_KEY, [OneOf(Attribute.RESOURCE_ID, keys) for keys in _parts(subject.keys)]),
            *_with(_OF_SUBSCRIPTION, [Mentions(Member.KEY, keys) for keys in _parts(subject.keys)]),
            *_with(_OF_GRANT, [Mentions(Member.GROUP, groups) for groups in _parts(subject.groups)]),
            *_with(_OF_GROUP, [OneOf(Attribute.RESOURCE_NAME, groups) for groups in _parts(subject.groups)]),
        )
    )


def _with(actions: Iterable[AuditAction], named: list[Comparison]) -> Iterator[Query]:
    for action in actions:
        for comparison in named:
            yield And((Is(Attribute.ACTION, action), comparison))


def _parts(values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    # The index has the beginning of a long name only; no user or group of ours has one.
    known = [value for value in values if len(value) <= MAX_TEXT]
    for begin in range(0, len(known), MAX_VALUES):
        yield tuple(known[begin : begin + MAX_VALUES])
