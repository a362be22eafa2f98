"""The database, as ports: repositories in a unit of work.

Every repository raises ConflictError if a natural name or id is taken, NotFoundError if `replace` or `remove` finds
nothing, and StorageError if the database cannot be used.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from ambassador_server.domain.audit.events import AuditRecord, IndexedRecord
from ambassador_server.domain.audit.index_differences import RowDifferences
from ambassador_server.domain.audit.query import Attribute, Query
from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.mcps import Mcp, Tool
from ambassador_server.domain.people.administrators import AdminKey, Password
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Group, Membership
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.domain.shared.listing import Listing, Slice
from ambassador_server.ports.audit_anchors import AuditAnchors
from ambassador_server.ports.oauth_records import PendingConnectionRepository, RegistrationRepository
from ambassador_server.ports.sealed_rows import SealedRows
from ambassador_server.ports.secret_store import SecretRepository

T = TypeVar("T")


class Repository(Protocol[T]):
    """Stores the objects of one kind."""

    async def add(self, item: T) -> None:
        """Store a new object."""
        ...

    async def replace(self, item: T) -> None:
        """Replace the stored object that has the same id."""
        ...

    async def remove(self, item_id: str) -> None:
        """Delete the object and everything that belongs to it."""
        ...

    async def get(self, item_id: str) -> T | None:
        """Return the object with this id, or None."""
        ...

    async def all(self) -> list[T]:
        """Return every object, ordered by natural name where there is one, else by creation."""
        ...

    async def of(self, **owners: str) -> list[T]:
        """Return the objects that belong to all given owners, as in `of(group_id=...)`, in the order of `all`."""
        ...

    async def page(self, listing: Listing) -> Slice[T]:
        """Return one page of the objects. Raises InvalidInputError for an unknown filter or sort field."""
        ...


class NamedRepository(Repository[T], Protocol[T]):
    """Stores objects that have a unique natural name."""

    async def by_name(self, name: str) -> T | None:
        """Return the object with this natural name, or None."""
        ...

    async def names(self) -> list[str]:
        """Return every natural name, sorted."""
        ...


class MembershipRepository(Protocol):
    """Stores which users are in which groups."""

    async def add(self, membership: Membership) -> None:
        """Put a user into a group."""
        ...

    async def remove(self, membership: Membership) -> None:
        """Take a user out of a group."""
        ...

    async def get(self, user_id: str, group_id: str) -> Membership | None:
        """Return the membership; None if the user is not in the group."""
        ...

    async def all(self) -> list[Membership]:
        """Return every membership, ordered."""
        ...

    async def groups_by_user(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the groups of each user that is in one."""
        ...


class ClientKeyRepository(Repository[ClientKey], Protocol):
    """Stores client keys and when they were last used."""

    async def touch(self, key_id: str, *, at: datetime, host: str) -> None:
        """Store the last use of a key, if it exists; this does not raise the policy version."""
        ...


class AdminKeyRepository(NamedRepository[AdminKey], Protocol):
    """Stores admin keys and logins."""

    async def by_prefix(self, prefix: str) -> list[AdminKey]:
        """Return the keys with this visible prefix, ordered by name."""
        ...

    async def forget_logins(self, before: datetime) -> int:
        """Delete the logins that expired or ended before a time; return how many."""
        ...


class EnrolmentRepository(Repository[Enrolment], Protocol):
    """Stores enrolments; writing them does not raise the policy version."""

    async def by_digest(self, digest: bytes) -> Enrolment | None:
        """Return the enrolment whose code has this digest, or None."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete the enrolments that expired before a time; return how many."""
        ...


class ToolListRepository(Protocol):
    """Stores a list of tools of each MCP; writing them does not raise the policy version."""

    async def put(self, mcp_id: str, tools: Sequence[Tool]) -> None:
        """Replace the stored tools of an MCP."""
        ...

    async def get(self, mcp_id: str) -> tuple[Tool, ...]:
        """Return the stored tools of an MCP; none if there are none."""
        ...

    async def all(self) -> dict[str, tuple[Tool, ...]]:
        """Return the tools by MCP id."""
        ...


class SessionRepository(Protocol):
    """Stores sessions; writing them does not raise the policy version."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def get(self, session_id: str) -> Session | None:
        """Return the session with this id, or None."""
        ...

    async def touch(self, session_id: str, *, seen_at: datetime, expires_at: datetime) -> None:
        """Move the expiry of a session, unless it has ended."""
        ...

    async def end(self, session_id: str, *, at: datetime, reason: str) -> bool:
        """End the session; return False if it had ended already or does not exist."""
        ...

    async def ended_since(self, at: datetime) -> list[Session]:
        """Return the sessions that ended at this time or later, in the order in which they ended."""
        ...

    async def expired(self, now: datetime) -> list[Session]:
        """Return up to 500 sessions that have expired without being ended, oldest first."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete the sessions that ended or expired before a time; return how many."""
        ...

    async def open_sessions(self, now: datetime) -> list[Session]:
        """Return the sessions that have neither ended nor expired, newest first."""
        ...

    async def page(self, listing: Listing) -> Slice[Session]:
        """Return one page of the sessions. Raises InvalidInputError for an unknown filter or sort field."""
        ...


@dataclass(frozen=True, slots=True)
class LogPosition:
    """A position in a writer's log: the byte offset in segment `segment` at which record `seq` ends."""

    seq: int
    segment: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCounts:
    """How many records have each value, most frequent first; `total` includes records with values that are left out."""

    values: tuple[tuple[str | None, int], ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCount:
    """How many records are of the hour that begins at a time, and how many of them were denied."""

    at: datetime
    count: int
    denied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCounts:
    """The last hours that have records, oldest first; `total` includes records of earlier hours."""

    hours: tuple[HourCount, ...]
    total: int


class AuditIndex(Protocol):
    """Stores a searchable copy of the audit log."""

    async def position(self, writer: str) -> LogPosition | None:
        """Return the position up to which this writer's log is in the index, or None."""
        ...

    async def insert(self, records: Sequence[AuditRecord], position: LogPosition) -> None:
        """Store records of one writer and the position after them atomically; skip records that are stored already."""
        ...

    async def newest(self, wanted: Query, *, limit: int, before: int | None = None) -> list[IndexedRecord]:
        """Return matching records, newest first, older than cursor `before`."""
        ...

    async def after(self, wanted: Query, *, limit: int, cursor: int) -> list[IndexedRecord]:
        """Return matching records, oldest first, newer than `cursor`."""
        ...

    async def get(self, writer: str, seq: int) -> IndexedRecord | None:
        """Return the record with this writer and sequence number, or None."""
        ...

    async def compare(
        self, writer: str, first_seq: int, last_seq: int, records: Sequence[AuditRecord]
    ) -> RowDifferences:
        """Compare the rows of a writer in a range of numbers with all records that its log has there.

        A row that cannot be read counts as altered or surplus. At most 10,000 rows are compared.
        """
        ...

    async def highest_seq(self, writer: str) -> int:
        """Return the highest number of the rows of a writer; 0 without rows."""
        ...

    async def count_after(self, writer: str, seq: int) -> int:
        """Count the rows of a writer with a higher number."""
        ...

    async def counts(self, wanted: Query, by: Attribute, *, top: int) -> EventCounts:
        """Count matching records for each of the `top` most frequent values of an attribute, and in total."""
        ...

    async def hours(self, wanted: Query, *, last: int) -> HourCounts:
        """Count matching records for each of the `last` newest hours that have some, and in total."""
        ...

    async def first_cursor(self) -> int:
        """Return the oldest cursor; 0 if the index is empty."""
        ...

    async def last_cursor(self) -> int:
        """Return the newest cursor; 0 if the index is empty."""
        ...

    async def has_before(self, at: datetime) -> bool:
        """Tell whether the index has a record from before this time."""
        ...

    async def remove(self, *, before: datetime | None = None, through: int | None = None, limit: int) -> int:
        """Remove up to `limit` records from before a time, or up to a cursor; return how many were removed."""
        ...

    async def restart(self) -> None:
        """Forget the positions of all logs."""
        ...


class AuditSinkPositions(Protocol):
    """Stores how far each audit sink of each server has read the logs."""

    async def of(self, node: str, sink: str) -> Mapping[str, LogPosition]:
        """Return the positions of a sink of a server, by writer."""
        ...

    async def put(self, node: str, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Store positions of a sink in the place of earlier ones of the same writers."""
        ...


class UnitOfWork(Protocol):
    """One transaction over all repositories.

    A commit raises the policy version if users, groups, memberships, keys, mcps, approved tools, grants, subscriptions,
    switches, limits or credentials were written. `tools` are those that each downstream offered last.
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
    def tools(self) -> ToolListRepository: ...
    @property
    def approved(self) -> Repository[ApprovedTools]: ...
    @property
    def approved_definitions(self) -> ToolListRepository: ...
    @property
    def grants(self) -> Repository[Grant]: ...
    @property
    def subscriptions(self) -> Repository[Subscription]: ...
    @property
    def switches(self) -> Repository[KillSwitch]: ...
    @property
    def limits(self) -> NamedRepository[Limit]: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def admin_keys(self) -> AdminKeyRepository: ...
    @property
    def passwords(self) -> Repository[Password]: ...
    @property
    def credentials(self) -> Repository[UserCredential]: ...
    @property
    def secrets(self) -> SecretRepository: ...
    @property
    def registrations(self) -> RegistrationRepository: ...
    @property
    def pending(self) -> PendingConnectionRepository: ...
    @property
    def sealed(self) -> SealedRows: ...
    @property
    def audit(self) -> AuditIndex: ...
    @property
    def anchors(self) -> AuditAnchors: ...
    @property
    def sink_positions(self) -> AuditSinkPositions: ...

    async def policy_version(self) -> int:
        """Return the policy version, as this transaction sees it."""
        ...

    async def changes_since(self, version: int) -> PolicyChanges | None:
        """Return the policy objects that were written after this version, in their current state.

        None means that they are unknown or too many; the caller must then read everything.
        """
        ...


class Store(Protocol):
    """A database. Leaving a `write` block commits; an exception in it rolls back."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a consistent view for reading."""
        ...

    def write(self, *, durable: bool = True) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction; there is one writer at a time.

        A committed transaction survives the end of this process. If it is not `durable`, a power failure may undo it,
        unless a durable transaction was committed after it.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
