"""The database: repositories in a unit of work."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ambassador_server.domain.catalog.approved_tools import ApprovedTools
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.people.administrators import Password
from ambassador_server.domain.people.credentials import UserCredential
from ambassador_server.domain.people.groups import Group
from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.users import User
from ambassador_server.domain.policy.grants import Grant, Subscription
from ambassador_server.domain.policy.limits import Limit
from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.domain.policy.switches import KillSwitch
from ambassador_server.ports.approval_requests import ApprovalRequestRepository
from ambassador_server.ports.audit_anchors import AuditAnchors
from ambassador_server.ports.audit_index import AuditIndex, AuditSinkPositions
from ambassador_server.ports.oauth_records import PendingConnectionRepository, RegistrationRepository
from ambassador_server.ports.repositories import (
    AdminKeyRepository,
    ClientKeyRepository,
    EnrolmentRepository,
    MembershipRepository,
    NamedRepository,
    Repository,
    ScimResourceRepository,
    SessionRepository,
    ToolListRepository,
    UsedOnceRepository,
)
from ambassador_server.ports.sealed_rows import SealedRows
from ambassador_server.ports.secret_store import SecretRepository


class UnitOfWork(Protocol):
    """One transaction over all repositories.

    A commit raises the policy version if users, groups, memberships, keys, mcps, approved tools, grants, subscriptions,
    switches, limits, issuers or credentials were written. `tools` are those that each downstream offered last.
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
    def issuers(self) -> NamedRepository[Issuer]: ...
    @property
    def scim(self) -> ScimResourceRepository: ...
    @property
    def used_once(self) -> UsedOnceRepository: ...
    @property
    def limits(self) -> NamedRepository[Limit]: ...
    @property
    def requests(self) -> ApprovalRequestRepository: ...
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
