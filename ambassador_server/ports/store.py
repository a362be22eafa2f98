"""What the rules need from a database: repositories in a unit of work.

Every repository raises ConflictError when a natural name or id is taken, NotFoundError when `replace` or `remove`
finds nothing, and StorageError when the database cannot be used.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from ambassador_server.domain.audit.events import AuditRecord, IndexedRecord
from ambassador_server.domain.audit.query import Attribute, Query
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.people.administrators import AdminKey, Password
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group, Membership
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.shared.listing import Listing, Slice

T = TypeVar("T")


class Repository(Protocol[T]):
    """One aggregate, whole objects in and out."""

    async def add(self, item: T) -> None:
        """Store a new object."""
        ...

    async def replace(self, item: T) -> None:
        """Store the object over the one with the same id."""
        ...

    async def remove(self, item_id: str) -> None:
        """Delete the object and everything that belongs to it."""
        ...

    async def get(self, item_id: str) -> T | None:
        """Return the object with this id."""
        ...

    async def all(self) -> list[T]:
        """Return every object, ordered by natural name where there is one, else by creation."""
        ...

    async def of(self, **owners: str) -> list[T]:
        """Return the objects that belong to all of these, as in `of(group_id=...)`, ordered as `all` are."""
        ...

    async def page(self, listing: Listing) -> Slice[T]:
        """Return one page of the objects; InvalidInputError for a field that cannot be filtered or sorted by."""
        ...


class NamedRepository(Repository[T], Protocol[T]):
    """An aggregate whose objects have a unique natural name."""

    async def by_name(self, name: str) -> T | None:
        """Return the object with this natural name."""
        ...


class MembershipRepository(Protocol):
    """Who is in which group."""

    async def add(self, membership: Membership) -> None:
        """Put a user into a group."""
        ...

    async def remove(self, membership: Membership) -> None:
        """Take a user out of a group."""
        ...

    async def get(self, user_id: str, group_id: str) -> Membership | None:
        """Return the membership, if the user is in the group."""
        ...

    async def all(self) -> list[Membership]:
        """Return every membership, ordered."""
        ...


class ClientKeyRepository(Repository[ClientKey], Protocol):
    """Client keys remember their last use."""

    async def touch(self, key_id: str, *, at: datetime, host: str) -> None:
        """Note a use; not policy, so the version stays. Nothing happens to a key that is not there."""
        ...


class AdminKeyRepository(NamedRepository[AdminKey], Protocol):
    """Admin keys, and the logins of people."""

    async def by_prefix(self, prefix: str) -> list[AdminKey]:
        """Return the keys that begin like this, by name."""
        ...

    async def forget_logins(self, before: datetime) -> int:
        """Delete the logins that expired or were ended before a time; return how many."""
        ...


class EnrolmentRepository(Repository[Enrolment], Protocol):
    """Promises of client keys; not policy, so writing them changes no version."""

    async def by_digest(self, digest: bytes) -> Enrolment | None:
        """Return the enrolment whose code has this digest."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete the enrolments that expired before a time; return how many."""
        ...


class LastKnownToolRepository(Protocol):
    """The tools each downstream offered when it was last seen; not policy, so writing them changes no version."""

    async def put(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        """Store the tools of an MCP over what was there."""
        ...

    async def all(self) -> dict[str, tuple[Tool, ...]]:
        """Return tools by MCP id."""
        ...


class SessionRepository(Protocol):
    """Client processes; not policy, so writing them changes no version."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def get(self, session_id: str) -> Session | None:
        """Return the session with this id."""
        ...

    async def touch(self, session_id: str, *, seen_at: datetime, expires_at: datetime) -> None:
        """Move the expiry of a session that is still open; nothing happens to one that has ended."""
        ...

    async def end(self, session_id: str, *, at: datetime, reason: str) -> bool:
        """End the session; False when it had ended already or never was."""
        ...

    async def ended_since(self, at: datetime) -> list[Session]:
        """Return the sessions that were ended at this time or later, in the order of their ends."""
        ...

    async def expired(self, now: datetime) -> list[Session]:
        """Return up to 500 sessions that have expired and were never ended, the oldest first."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete the sessions that ended or expired before a time; return how many."""
        ...

    async def open_sessions(self, now: datetime) -> list[Session]:
        """Return the sessions that have neither ended nor expired, newest first."""
        ...

    async def page(self, listing: Listing) -> Slice[Session]:
        """Return one page of the sessions; InvalidInputError for a field that cannot be filtered or sorted by."""
        ...


@dataclass(frozen=True, slots=True)
class LogPosition:
    """How far the index has read one writer's log: the byte offset behind `seq` in segment `segment`."""

    seq: int
    segment: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """How many records have which value, the most frequent first; `total` counts those with another value, too."""

    values: tuple[tuple[str | None, int], ...]
    total: int


class AuditIndex(Protocol):
    """The searchable copy of the audit log."""

    async def position(self, writer: str) -> LogPosition | None:
        """Return how far this writer's log has been read."""
        ...

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        """Store records of one writer and the position behind them, together; a record already there is skipped."""
        ...

    async def newest(self, wanted: Query, *, limit: int, before: int | None = None) -> list[IndexedRecord]:
        """Return matching records, newest first, older than cursor `before`."""
        ...

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> list[IndexedRecord]:
        """Return matching records, oldest first, newer than `cursor`."""
        ...

    async def get(self, writer: str, seq: int) -> IndexedRecord | None:
        """Return one record by its name for ever."""
        ...

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        """Count matching records by an attribute: the `top` most frequent values, and how many records in all."""
        ...

    async def first_cursor(self) -> int:
        """Return the oldest cursor, 0 when the index is empty."""
        ...

    async def last_cursor(self) -> int:
        """Return the newest cursor, 0 when the index is empty."""
        ...

    async def has_before(self, at: datetime) -> bool:
        """Tell whether a record is older."""
        ...

    async def remove(self, *, before: datetime | None = None, through: int | None = None, limit: int) -> int:
        """Remove up to `limit` records that are older, or up to a cursor; return how many went."""
        ...

    async def restart(self) -> None:
        """Forget how far every log has been read."""
        ...


class UnitOfWork(Protocol):
    """One transaction over all repositories.

    A write to anything decisions are made from raises the policy version on commit: users, groups, memberships,
    keys, mcps, grants, subscriptions and switches.
    """

    @property
    def users(self) -> NamedRepository[User]: ...
    @property
    def groups(self) -> NamedRepository[Group]: ...
    @property
    def memberships(self) -> MembershipRepository: ...
    @property
    def keys(self) -> ClientKeyRepository: ...
    @property
    def enrolments(self) -> EnrolmentRepository: ...
    @property
    def mcps(self) -> NamedRepository[Mcp]: ...
    @property
    def tools(self) -> LastKnownToolRepository: ...
    @property
    def grants(self) -> Repository[Grant]: ...
    @property
    def subscriptions(self) -> Repository[Subscription]: ...
    @property
    def switches(self) -> Repository[KillSwitch]: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def admin_keys(self) -> AdminKeyRepository: ...
    @property
    def passwords(self) -> Repository[Password]: ...
    @property
    def audit(self) -> AuditIndex: ...

    async def policy_version(self) -> int:
        """Return the version of everything decisions are made from, as this transaction sees it."""
        ...

    async def changes_since(self, version: int) -> PolicyChanges | None:
        """Return what was touched by transactions committed after this version, as it is now.

        None means that it is not known, or that it is too much to tell: read everything.
        """
        ...


class Store(Protocol):
    """A database. Leaving a `write` block commits; an exception in it rolls everything back."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a consistent view for reading."""
        ...

    def write(self, *, durable: bool = True) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction; one writer at a time.

        What is committed survives the end of this process. It survives a power cut, too, unless it is not `durable`:
        then the latest of such transactions may be lost, whole ones, and never one that a durable one came after.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
