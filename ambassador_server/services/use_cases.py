"""The services of one running server, complete from the start."""

from dataclasses import dataclass

from ambassador_server.ports.audit_archive import AuditArchive
from ambassador_server.ports.downstream import Downstreams
from ambassador_server.services.administration.access import AccessQuestions
from ambassador_server.services.administration.admin_keys import AdminKeys
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.grants import Grants
from ambassador_server.services.administration.groups import Groups
from ambassador_server.services.administration.health import Health
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.passwords import Passwords
from ambassador_server.services.administration.session_control import SessionControl
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.administration.switch_effects import SwitchEffects
from ambassador_server.services.administration.switches import Switches
from ambassador_server.services.administration.users import Users
from ambassador_server.services.audit.feed import AuditFeed
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.changes.batches import Batches
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.enrolments import Enrolments
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.sessions import Sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Built once by `bootstrap`; routes take from it what they need."""

    policy: PolicyKeeper
    recorder: Recorder
    catalog: Catalog
    calls: CallPipeline
    sessions: Sessions
    key_prover: KeyProver
    administrators: AdministratorProver
    admin_keys: AdminKeys
    logins: Logins
    passwords: Passwords
    session_control: SessionControl
    users: Users
    groups: Groups
    batches: Batches
    mcps: Mcps
    grants: Grants
    keys: ClientKeys
    enrolments: Enrolments
    own_access: OwnAccess
    subscriptions: Subscriptions
    switches: Switches
    switch_effects: SwitchEffects
    access: AccessQuestions
    audit_search: AuditSearch
    audit_feed: AuditFeed
    audit_archive: AuditArchive
    audit_retention: AuditRetention
    health: Health
    downstreams: Downstreams
