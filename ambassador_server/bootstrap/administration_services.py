"""Builds the use cases of administrators, and those of users for themselves."""

from functools import partial

from ambassador_server.bootstrap.foundation import Foundation
from ambassador_server.config import ServerConfig
from ambassador_server.services.administration.access import AccessQueries
from ambassador_server.services.administration.access_requests import AccessRequests
from ambassador_server.services.administration.admin_keys import AdminKeys
from ambassador_server.services.administration.approvals import ApprovalDecisions
from ambassador_server.services.administration.client_keys import ClientKeys
from ambassador_server.services.administration.enrolments import Enrolments
from ambassador_server.services.administration.grants import Grants
from ambassador_server.services.administration.groups import Groups
from ambassador_server.services.administration.issuers import Issuers, issuer_warnings
from ambassador_server.services.administration.limits import Limits
from ambassador_server.services.administration.names import Names
from ambassador_server.services.administration.own_access import OwnAccess
from ambassador_server.services.administration.own_requests import OwnRequests
from ambassador_server.services.administration.own_use_cases import OwnUseCases
from ambassador_server.services.administration.passwords import Passwords
from ambassador_server.services.administration.pattern_checks import PatternChecks
from ambassador_server.services.administration.provisioning import ProvisioningRequests
from ambassador_server.services.administration.scope_targets import ScopeTargets
from ambassador_server.services.administration.session_control import SessionControl
from ambassador_server.services.administration.subscriptions import Subscriptions
from ambassador_server.services.administration.switch_effects import SwitchEffects
from ambassador_server.services.administration.switches import Switches
from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.administration.users import Users
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.changes.batch import Batches
from ambassador_server.services.credentials.administration import CredentialAdministration
from ambassador_server.services.credentials.own_credentials import OwnCredentials
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.services.sign_in.use_cases import ClientSignIn


def create_administration(
    config: ServerConfig,
    base: Foundation,
    catalog: Catalog,
    in_flight: CallsInFlight,
    sign_in: ClientSignIn,
    passwords: PasswordProver,
) -> AdministrationUseCases:
    """Build the use cases of administrators."""
    store, changes, policy, clock = base.store, base.changes, base.policy, base.clock
    pepper, names = base.key_ring.pepper, Names(policy)
    patterns = PatternChecks(catalog=catalog, separator=config.separator)
    targets = ScopeTargets(catalog=catalog, patterns=patterns)
    access_requests = AccessRequests(
        requests=base.requests,
        policy=policy,
        catalog=catalog,
        patterns=patterns,
        longest=config.access_requests.longest,
    )
    return AdministrationUseCases(
        users=Users(store=store, changes=changes, clock=clock),
        groups=Groups(store=store, changes=changes, names=names, clock=clock),
        passwords=Passwords(changes=changes, hashers=base.password_hashers, prover=passwords, clock=clock),
        client_keys=_client_keys(config, base),
        enrolments=Enrolments(store=store, changes=changes, clock=clock, pepper=pepper),
        admin_keys=AdminKeys(store=store, changes=changes, clock=clock, pepper=pepper),
        grants=Grants(store=store, changes=changes, patterns=patterns, rules=base.rules, clock=clock),
        subscriptions=Subscriptions(store=store, changes=changes, patterns=patterns, clock=clock),
        credentials=CredentialAdministration(store=store, policy=policy, changes=changes, clock=clock),
        sessions=SessionControl(store=store, changes=changes, sessions=sign_in.sessions, clock=clock),
        issuers=_issuers(config, base),
        provisioning=ProvisioningRequests(store=store, changes=changes, clock=clock),
        limits=_limits(base, targets),
        approvals=ApprovalDecisions(store=store, requests=base.requests, access=access_requests, clock=clock),
        switches=Switches(store=store, changes=changes, targets=targets, clock=clock),
        switch_effects=SwitchEffects(
            store=store,
            policy=policy,
            catalog=catalog,
            in_flight=in_flight,
            token_clients=sign_in.tokens.clients,
            clock=clock,
        ),
        access=AccessQueries(policy=policy, catalog=catalog),
        access_requests=access_requests,
        batches=Batches(changes=changes),
        names=names,
    )


def _client_keys(config: ServerConfig, base: Foundation) -> ClientKeys:
    return ClientKeys(
        store=base.store,
        changes=base.changes,
        clock=base.clock,
        pepper=base.key_ring.pepper,
        prolonged=config.client_keys.prolonged,
    )


def _limits(base: Foundation, targets: ScopeTargets) -> Limits:
    return Limits(
        store=base.store,
        changes=base.changes,
        targets=targets,
        counters=base.limit_counters,
        clock=base.clock,
    )


def _issuers(config: ServerConfig, base: Foundation) -> Issuers:
    return Issuers(
        store=base.store,
        policy=base.policy,
        changes=base.changes,
        verifier=base.verifier,
        reading=base.reading,
        recorder=base.recorder,
        clock=base.clock,
        warnings_of=partial(
            issuer_warnings,
            public_url=config.public_url,
            gateway=config.gateway.name if config.gateway.is_configured else None,
        ),
    )


def create_own_use_cases(
    base: Foundation, catalog: Catalog, sign_in: ClientSignIn, administration: AdministrationUseCases
) -> OwnUseCases:
    """Build what users do for themselves."""
    access = OwnAccess(
        policy=base.policy,
        catalog=catalog,
        changes=base.changes,
        sessions=sign_in.sessions,
        prover=sign_in.keys,
        keys=administration.client_keys,
        subscriptions=administration.subscriptions,
    )
    credentials = OwnCredentials(
        policy=base.policy, changes=base.changes, vault=base.vault, rights=access, clock=base.clock
    )
    requests = OwnRequests(
        store=base.store,
        policy=base.policy,
        requests=base.requests,
        rights=access,
        access=administration.access_requests,
        names=administration.names,
        clock=base.clock,
    )
    return OwnUseCases(
        access=access,
        requests=requests,
        credentials=base.oauth.for_users(credentials, access),
    )
