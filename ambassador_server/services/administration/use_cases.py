"""The use cases of administrators for users, groups, keys, grants, sessions, issuers, limits and kill switches."""

from dataclasses import dataclass

from ambassador_server.services.administration.access import AccessQueries
from ambassador_server.services.administration.access_requests import AccessRequests
from ambassador_server.services.administration.admin_keys import AdminKeys
from ambassador_server.services.administration.approvals import ApprovalDecisions
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.enrolments import Enrolments
from ambassador_server.services.administration.grants import Grants
from ambassador_server.services.administration.groups import Groups
from ambassador_server.services.administration.issuers import Issuers
from ambassador_server.services.administration.limits import Limits
from ambassador_server.services.administration.names import Names
from ambassador_server.services.administration.passwords import Passwords
from ambassador_server.services.administration.provisioning import ProvisioningRequests
from ambassador_server.services.administration.session_control import SessionControl
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.administration.switch_effects import SwitchEffects
from ambassador_server.services.administration.switches import Switches
from ambassador_server.services.administration.users import Users
from ambassador_server.services.changes.batch import Batches
from ambassador_server.services.credentials.administration import CredentialAdministration


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationUseCases:
    """Each field belongs to one noun of the admin API; `names` looks up the names that answers contain."""

    users: Users
    groups: Groups
    passwords: Passwords
    client_keys: ClientKeys
    enrolments: Enrolments
    admin_keys: AdminKeys
    grants: Grants
    subscriptions: Subscriptions
    credentials: CredentialAdministration
    sessions: SessionControl
    issuers: Issuers
    provisioning: ProvisioningRequests
    limits: Limits
    approvals: ApprovalDecisions
    switches: Switches
    switch_effects: SwitchEffects
    access: AccessQueries
    access_requests: AccessRequests
    batches: Batches
    names: Names
