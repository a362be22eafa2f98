"""Looks up which keys and groups a user has or had, so that the audit can be searched for events about the user."""

from typing import Final

from ambassador_server.domain.audit.query import Query
from ambassador_server.domain.audit.subjects import Subject, memberships_of, resolve, subjects_in
from ambassador_server.ports.store import UnitOfWork

_MAX_MEMBERSHIPS: Final = 1000
"""How many of the last events are read that put the user into a group."""


async def with_subjects(query: Query, work: UnitOfWork) -> Query:
    """Return the query with each subject replaced by comparisons that find the events about it."""
    names = subjects_in(query)
    return resolve(query, {name: await _subject(name, work) for name in names}) if names else query


async def _subject(name: str, work: UnitOfWork) -> Subject:
    joined = await work.audit.newest(memberships_of(name), limit=_MAX_MEMBERSHIPS)
    groups = {item.record.event.resource.name for item in joined}
    user = await work.users.by_name(name)
    if user is None:
        return Subject(user=name, groups=_known(groups))
    for group_id in (await work.memberships.groups_by_user()).get(user.user_id, ()):
        group = await work.groups.get(group_id)
        groups.add(None if group is None else group.name)
    keys = await work.keys.of(user_id=user.user_id)
    return Subject(user=name, groups=_known(groups), keys=tuple(key.key_id for key in keys))


def _known(names: set[str | None]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name is not None))
