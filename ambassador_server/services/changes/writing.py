"""Puts an object in the state somebody asks for, and records what that changed; nothing, when it is so already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ambassador_server.domain.audit.events import AuditAction, Resource
from ambassador_server.ports.store import Repository
from ambassador_server.services.changes.transaction import Change

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class WriteResult(StrEnum):
    """What became of an object that was put."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Written(Generic[T]):
    """An object as it is now, and whether putting it did anything."""

    item: T
    result: WriteResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording(Generic[T]):
    """How the audit speaks of one kind of object; `shown` are the facts it may hold, secrets masked."""

    created: AuditAction
    updated: AuditAction
    resource: Callable[[T], Resource]
    shown: Callable[[T], Mapping[str, Any]]


async def write(
    change: Change, repository: Repository[T], before: T | None, after: T, wording: Wording[T], **about: Any
) -> Written[T]:
    """Store `after` in place of `before`; only the time of the update may differ without being a change.

    `about` is what its event says in either case.
    """
    if before is None:
        await repository.add(after)
        change.record(wording.created, wording.resource(after), **about, **wording.shown(after))
        return Written(after, WriteResult.CREATED)
    if _same(before, after):
        return Written(before, WriteResult.UNCHANGED)
    await repository.replace(after)
    said = differences(before, after, wording.shown)
    change.record(wording.updated, wording.resource(after), **about, **said)
    return Written(after, WriteResult.CHANGED)


def differences(before: T, after: T, shown: Callable[[T], Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return as `before` and `after` what the two do not have in common of the facts that may be shown."""
    old, new = shown(before), shown(after)
    differing = [name for name in new if old[name] != new[name]]
    return {
        "before": {name: old[name] for name in differing},
        "after": {name: new[name] for name in differing},
    }


def _same(before: T, after: T) -> bool:
    names = (field.name for field in fields(before) if field.name != "updated_at")
    return all(getattr(before, name) == getattr(after, name) for name in names)
