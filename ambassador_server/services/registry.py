"""The services of one running server, complete from the start."""

from dataclasses import dataclass

from ambassador_server.ports.audit_archive import AuditArchive
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.services.access import AccessQuestions
from ambassador_server.services.admin_keys import AdminKeys
from ambassador_server.services.administrators import Administrators
from ambassador_server.services.audit_feed import AuditFeed
from ambassador_server.services.audit_retention import AuditRetention
from ambassador_server.services.audit_trail import AuditTrail
from ambassador_server.services.auditor import Auditor
from ambassador_server.services.batches import Batches
from ambassador_server.services.calls import Calls
from ambassador_server.services.catalog import Catalog
from ambassador_server.services.enrolments import Enrolments
from ambassador_server.services.grants import Grants
from ambassador_server.services.groups import Groups
from ambassador_server.services.health import Health
from ambassador_server.services.impacts import Impacts
from ambassador_server.services.key_proof import KeyProver
from ambassador_server.services.keys import Keys
from ambassador_server.services.logins import Logins
from ambassador_server.services.mcps import Mcps
from ambassador_server.services.own_access import OwnAccess
from ambassador_server.services.passwords import Passwords
from ambassador_server.services.policy_keeper import PolicyKeeper
from ambassador_server.services.session_control import SessionControl
from ambassador_server.services.sessions import Sessions
from ambassador_server.services.subscriptions import Subscriptions
from ambassador_server.services.switches import Switches
from ambassador_server.services.users import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Built once by `bootstrap`; routes take from it what they need."""

    policy: PolicyKeeper
    auditor: Auditor
    catalog: Catalog
    calls: Calls
    sessions: Sessions
    key_prover: KeyProver
    administrators: Administrators
    admin_keys: AdminKeys
    logins: Logins
    passwords: Passwords
    session_control: SessionControl
    users: Users
    groups: Groups
    batches: Batches
    mcps: Mcps
    grants: Grants
    keys: Keys
    enrolments: Enrolments
    own_access: OwnAccess
    subscriptions: Subscriptions
    switches: Switches
    impacts: Impacts
    access: AccessQuestions
    audit_trail: AuditTrail
    audit_feed: AuditFeed
    audit_archive: AuditArchive
    audit_retention: AuditRetention
    health: Health
    downstreams: Downstreams
