"""Creates or updates one object and records the difference; records nothing if there is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.ports.repositories import Repository
from ambassador_server.services.changes.audited_change import Change

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class WriteResult(StrEnum):
    """How a write changed the stored object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """An object after a write, and how the write changed it; `warnings` are for its author."""

    item: T
    result: WriteResult
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTemplate(Generic[T]):
    """How writes of one kind of object are recorded; `details` returns its fields with secrets masked."""

    created: AuditAction
    updated: AuditAction
    resource: Callable[[T], Resource]
    details: Callable[[T], Mapping[str, Any]]


async def write(
    change: Change,
    repository: Repository[T],
    before: T | None,
    after: T,
    template: EventTemplate[T],
    **details: Any,
) -> Written[T]:
    """Store `after` in place of `before`; a difference in `updated_at` alone is no change.

    `details` are added to the event of a creation and of an update.
    """
    if before is None:
        await repository.add(after)
        change.record(template.created, template.resource(after), **details, **template.details(after))
        return Written(after, WriteResult.CREATED)
    if _equal(before, after):
        return Written(before, WriteResult.UNCHANGED)
    await repository.replace(after)
    difference = differences(before, after, template.details)
    change.record(template.updated, template.resource(after), **details, **difference)
    return Written(after, WriteResult.CHANGED)


def differences(before: T, after: T, details: Callable[[T], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the details that differ, as `before` and `after`."""
    old, new = details(before), details(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {
        "before": {name: old.get(name) for name in names},
        "after": {name: new.get(name) for name in names},
    }


def _equal(before: T, after: T) -> bool:
    names = (field.name for field in fields(before) if field.name != "updated_at")
    return all(getattr(before, name) == getattr(after, name) for name in names)
