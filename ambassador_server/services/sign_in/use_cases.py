"""The use cases of signing in: one record for clients, one for administrators, who use different listeners."""

from dataclasses import dataclass

from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.assertion_grant import AssertionGrant
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.services.sign_in.code_redemption import CodeRedemption
from ambassador_server.services.sign_in.gateway_proof import GatewayProver
from ambassador_server.services.sign_in.host_exchange import HostExchange
from ambassador_server.services.sign_in.host_login import HostLogin
from ambassador_server.services.sign_in.ignored_headers import IgnoredHeaders
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.machine_logins import MachineLogins
from ambassador_server.services.sign_in.organisation_proof import OrganisationProver
from ambassador_server.services.sign_in.protected_resource import ProtectedResource
from ambassador_server.services.sign_in.sessions import Sessions
from ambassador_server.services.sign_in.token_proof import TokenProver


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSignIn:
    """A client exchanges a code or a sign-in for a key, authenticates with the key, and opens a session.

    `gateway` is None if no API gateway is configured, `certificates` unless clients are asked for certificates.
    """

    codes: CodeRedemption
    keys: KeyProver
    sessions: Sessions
    tokens: TokenProver
    certificates: CertificateProver | None
    organisations: OrganisationProver
    machines: MachineLogins
    resource: ProtectedResource
    grants: AssertionGrant
    hosts: HostLogin
    host_tokens: HostExchange
    gateway: GatewayProver | None
    ignored: IgnoredHeaders


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministratorSignIn:
    """An administrator opens a login, and authenticates each request with it or with an admin key."""

    logins: Logins
    organisations: OrganisationProver
    prover: AdministratorProver
    ignored: IgnoredHeaders
    certificates: CertificateProver | None
