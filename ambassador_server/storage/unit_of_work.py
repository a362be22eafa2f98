"""Implements `ports.store.UnitOfWork`: all repositories in one transaction."""

from ambassador_server.domain.policy.snapshot import PolicyChanges
from ambassador_server.storage.admin_keys import AdminKeyRepository
from ambassador_server.storage.approval_requests import ApprovalRequestRepository
from ambassador_server.storage.audit_anchors import AuditAnchorRepository
from ambassador_server.storage.audit_index import AuditIndexRepository
from ambassador_server.storage.audit_sink_positions import AuditSinkPositionRepository
from ambassador_server.storage.credential_secrets import SecretRepository
from ambassador_server.storage.enrolments import EnrolmentRepository
from ambassador_server.storage.memberships import MembershipRepository
from ambassador_server.storage.oauth_records import PendingConnectionRepository, RegistrationRepository
from ambassador_server.storage.object_mappings import (
    APPROVED_TOOLS,
    CREDENTIALS,
    GRANTS,
    GROUPS,
    ISSUERS,
    KILL_SWITCHES,
    LIMITS,
    MCPS,
    PASSWORDS,
    SUBSCRIPTIONS,
    USERS,
)
from ambassador_server.storage.policy_changes import changes_since
from ambassador_server.storage.repositories import (
    ClientKeyRepository,
    NamedTableRepository,
    TableRepository,
)
from ambassador_server.storage.scim_resources import ScimResourceRepository
from ambassador_server.storage.sealed_rows import SealedRowRepository
from ambassador_server.storage.sessions import SessionRepository
from ambassador_server.storage.tables import approved_definitions, last_known_tools
from ambassador_server.storage.tool_lists import ToolListRepository
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.used_once import UsedOnceRepository


class SqlUnitOfWork:
    """The repositories of one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.users = NamedTableRepository(transaction, USERS)
        self.groups = NamedTableRepository(transaction, GROUPS)
        self.memberships = MembershipRepository(transaction)
        self.keys = ClientKeyRepository(transaction)
        self.enrolments = EnrolmentRepository(transaction)
        self.mcps = NamedTableRepository(transaction, MCPS)
        self.tools = ToolListRepository(transaction, last_known_tools)
        self.approved = TableRepository(transaction, APPROVED_TOOLS)
        self.approved_definitions = ToolListRepository(transaction, approved_definitions)
        self.grants = TableRepository(transaction, GRANTS)
        self.switches = TableRepository(transaction, KILL_SWITCHES)
        self.issuers = NamedTableRepository(transaction, ISSUERS)
        self.scim = ScimResourceRepository(transaction)
        self.used_once = UsedOnceRepository(transaction)
        self.limits = NamedTableRepository(transaction, LIMITS)
        self.requests = ApprovalRequestRepository(transaction)
        self.subscriptions = TableRepository(transaction, SUBSCRIPTIONS)
        self.credentials = TableRepository(transaction, CREDENTIALS)
        self.secrets = SecretRepository(transaction)
        self.registrations = RegistrationRepository(transaction)
        self.pending = PendingConnectionRepository(transaction)
        self.sealed = SealedRowRepository(transaction)
        self.sessions = SessionRepository(transaction)
        self.admin_keys = AdminKeyRepository(transaction)
        self.passwords = TableRepository(transaction, PASSWORDS)
        self.audit = AuditIndexRepository(transaction)
        self.anchors = AuditAnchorRepository(transaction)
        self.sink_positions = AuditSinkPositionRepository(transaction)

    async def policy_version(self) -> int:
        """Return the version of the policy as this transaction sees it."""
        return await self._transaction.policy_version()

    async def changes_since(self, version: int) -> PolicyChanges | None:
        """Return the policy objects that changed since a version; None if all have to be read."""
        return await changes_since(self._transaction, version)
