"""The repositories of the database: each stores the objects of one kind.

Every repository raises ConflictError if a natural name or id is taken, NotFoundError if `replace` or `remove` finds
nothing, and StorageError if the database cannot be used.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from ambassador_server.domain.catalog.mcps import Tool
from ambassador_server.domain.people.administrators import AdminKey
from ambassador_server.domain.people.client_keys import ClientKey
from ambassador_server.domain.people.enrolments import Enrolment
from ambassador_server.domain.people.groups import Membership
from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.domain.people.sessions import Session
from ambassador_server.domain.people.used_once import UsedOnce
from ambassador_server.domain.shared.listing import Listing, Slice

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

    async def of(self, *, user_id: str | None = None, group_id: str | None = None) -> list[Membership]:
        """Return the memberships of a user or of a group, ordered."""
        ...

    async def groups_by_user(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the groups of each user that is in one."""
        ...

    async def add_all(self, group_id: str, user_ids: Collection[str]) -> None:
        """Put users into a group, in few statements. Raises ConflictError, and then adds none of them."""
        ...

    async def remove_all(self, group_id: str, user_ids: Collection[str]) -> None:
        """Take users out of a group, in few statements; those who are not in it are left alone."""
        ...

    async def names(self, group_id: str, among: Collection[str] | None = None) -> Mapping[str, str]:
        """Return the names of the users in a group by their ids; with `among`, of these users only."""
        ...

    async def sizes(self, group_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many users are in each of these groups that is not empty."""
        ...

    async def members_of(self, group_ids: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Return the ids of the users in each of these groups that is not empty, ordered."""
        ...

    async def described_groups_of(
        self, user_ids: Collection[str], provisioner: str
    ) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Return the ids and names of the groups of each of these users that an issuer describes, ordered by id."""
        ...


class ScimResourceRepository(Repository[ScimResource], Protocol):
    """Stores what issuers say about users and groups by SCIM; writing it does not raise the policy version."""

    async def count(self, issuer_id: str, kind: ScimKind) -> int:
        """Return how many resources of a kind an issuer describes."""
        ...

    async def window(self, issuer_id: str, kind: ScimKind, *, start: int, limit: int) -> list[ScimResource]:
        """Return some of the resources of a kind that an issuer describes, ordered by `name_key`."""
        ...

    async def user_names(self, issuer_id: str, user_ids: Collection[str]) -> Mapping[str, str]:
        """Return the names of those of these users whom an issuer describes, by their ids."""
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


class UsedOnceRepository(Protocol):
    """Stores what was used that may be used once; writing them does not raise the policy version."""

    async def add(self, item: UsedOnce) -> None:
        """Store a use. Raises ConflictError if it was used before, here or on another server."""
        ...

    async def forget(self, before: datetime) -> int:
        """Delete those that expired before a time; return how many."""
        ...


class SessionRepository(Protocol):
    """Stores sessions; writing them does not raise the policy version."""

    async def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    async def get(self, session_id: str) -> Session | None:
        """Return the session with this id, or None."""
        ...

    async def of(self, **owners: str) -> list[Session]:
        """Return the sessions that belong to all given owners, as in `of(user_id=...)`, ended ones as well."""
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
