"""Builds the ways in."""

from datetime import timedelta

from ambassador_protocol.paths import MCP, RESOURCE_METADATA, TOKEN
from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.bootstrap.gateway import create_gateway
from ambassador_server.bootstrap.host_login import create_host_exchange, create_host_login
from ambassador_server.bootstrap.key_rates import KeyRates
from ambassador_server.bootstrap.options import session_bounds
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.downstream.options import resolve_reference
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.assertion_grant import AssertionGrant
from ambassador_server.services.sign_in.certificate_proof import CertificateProver
from ambassador_server.services.sign_in.code_redemption import CodeRedemption
from ambassador_server.services.sign_in.host_servers import HostServers
from ambassador_server.services.sign_in.issued_tokens import IssuedTokens
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.login_throttle import SignInThrottle, UnknownTokenThrottle
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.machine_logins import MachineLogins
from ambassador_server.services.sign_in.organisation_proof import OrganisationProver, SignInBounds
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.services.sign_in.protected_resource import ProtectedResource
from ambassador_server.services.sign_in.sessions import Sessions
from ambassador_server.services.sign_in.single_use import SingleUse
from ambassador_server.services.sign_in.token_accounts import TokenAccounts
from ambassador_server.services.sign_in.token_proof import TokenProver
from ambassador_server.services.sign_in.use_cases import AdministratorSignIn, ClientSignIn
from ambassador_server.setting_sections import ClientCertificatesSection
from ambassador_server.throttling.failures import FailureThrottle
from ambassador_server.throttling.key_rates import KeyRate

_UNKNOWN_TOKENS = "600/minute"
"""How many tokens an issuer may call inactive before it is asked about no other unknown one."""

_LISTS_PER_MINUTE = 60
"""How often an address may ask where people sign in."""


def create_organisation_prover(base: Foundation) -> OrganisationProver:
    """Build what proves users by ID tokens, for both listeners."""
    return OrganisationProver(
        policy=base.policy,
        verifier=base.verifier,
        reading=base.reading,
        endpoints=base.login_endpoints,
        accounts=TokenAccounts(changes=base.changes, clock=base.clock),
        recorder=base.recorder,
        clock=base.clock,
        bounds=SignInBounds(SignInThrottle(base.throttle), KeyRate(_LISTS_PER_MINUTE, base.clock.monotonic)),
    )


def _machines(
    config: ServerConfig, base: Foundation, keys: KeyProver, organisations: OrganisationProver
) -> MachineLogins:
    return MachineLogins(
        prover=organisations,
        keys=keys,
        changes=base.changes,
        clock=base.clock,
        lifetime=timedelta(days=config.client_keys.sign_in_days),
        pepper=base.key_ring.pepper,
    )


def _codes(base: Foundation, keys: KeyProver) -> CodeRedemption:
    return CodeRedemption(
        store=base.store,
        changes=base.changes,
        prover=keys,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        pepper=base.key_ring.pepper,
    )


def create_client_sign_in(
    config: ServerConfig, base: Foundation, rates: KeyRates, organisations: OrganisationProver
) -> ClientSignIn:
    """Build the ways in of clients."""
    keys = KeyProver(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        rate=rates.sessions,
        pepper=base.key_ring.pepper,
    )
    sessions = Sessions(
        store=base.store,
        policy=base.policy,
        tokens=HmacSessionTokens(base.key_ring),
        prover=keys,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        bounds=session_bounds(config),
    )
    accounts = TokenAccounts(changes=base.changes, clock=base.clock)
    issued = IssuedTokens(
        policy=base.policy, sealer=AesGcmSealer(base.key_ring.session_keys), clock=base.clock
    )
    tokens = _tokens(base, accounts, issued)
    uses = SingleUse(base.store, base.clock)
    hosts = create_host_login(config, base, uses)
    return ClientSignIn(
        codes=_codes(base, keys),
        keys=keys,
        sessions=sessions,
        tokens=tokens,
        certificates=_certificates(base, config.client_certificates),
        resource=_resource(config, base, hosts.servers),
        grants=_create_grants(config, base, keys, accounts, issued, uses),
        hosts=hosts,
        host_tokens=create_host_exchange(base, hosts),
        gateway=create_gateway(config, base, tokens, _certificate_prover(base)),
        ignored=base.ignored,
        organisations=organisations,
        machines=_machines(config, base, keys, organisations),
    )


def _resource(config: ServerConfig, base: Foundation, hosts: HostServers) -> ProtectedResource:
    return ProtectedResource(
        policy=base.policy,
        hosts=hosts,
        public_url=config.public_url,
        path=MCP,
        well_known=RESOURCE_METADATA,
    )


def _create_grants(
    config: ServerConfig,
    base: Foundation,
    keys: KeyProver,
    accounts: TokenAccounts,
    issued: IssuedTokens,
    uses: SingleUse,
) -> AssertionGrant:
    server = None if config.public_url is None else config.public_url.rstrip("/")
    return AssertionGrant(
        identifier=server,
        token_endpoint=f"{server}{TOKEN}",
        resource=f"{server}{MCP}",
        policy=base.policy,
        verifier=base.verifier,
        reading=base.reading,
        accounts=accounts,
        issued=issued,
        keys=keys,
        resolve=resolve_reference,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        uses=uses,
    )


def create_administrator_sign_in(
    config: ServerConfig,
    base: Foundation,
    passwords: PasswordProver,
    organisations: OrganisationProver,
) -> AdministratorSignIn:
    """Build the ways in of administrators."""
    logins = Logins(
        store=base.store,
        changes=base.changes,
        prover=passwords,
        organisations=organisations,
        clock=base.clock,
        lifetime=timedelta(seconds=config.session.login_seconds),
        pepper=base.key_ring.pepper,
    )
    prover = AdministratorProver(
        store=base.store,
        policy=base.policy,
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
        pepper=base.key_ring.pepper,
    )
    certificates = _certificates(base, config.admin_client_certificates)
    return AdministratorSignIn(
        logins=logins,
        organisations=organisations,
        prover=prover,
        certificates=certificates,
        ignored=base.ignored,
    )


def _certificates(base: Foundation, section: ClientCertificatesSection) -> CertificateProver | None:
    return None if section.mode == "off" else _certificate_prover(base)


def _certificate_prover(base: Foundation) -> CertificateProver:
    return CertificateProver(
        policy=base.policy,
        reading=base.reading,
        accounts=TokenAccounts(changes=base.changes, clock=base.clock),
        recorder=base.recorder,
        throttle=base.throttle,
        clock=base.clock,
    )


def _tokens(base: Foundation, accounts: TokenAccounts, issued: IssuedTokens) -> TokenProver:
    return TokenProver(
        policy=base.policy,
        reading=base.reading,
        accounts=accounts,
        issued=issued,
        recorder=base.recorder,
        throttle=base.throttle,
        unknown=UnknownTokenThrottle(base.throttle, FailureThrottle(_UNKNOWN_TOKENS)),
        clock=base.clock,
    )
