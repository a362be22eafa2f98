"""The use cases, each with the ports that serve it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.options import session_bounds
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import KeyRing
from ambassador_server.crypto.passwords import Argon2Passwords
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.store import Store
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
from ambassador_server.services.audit.delivery import AuditDeliveries
from ambassador_server.services.audit.feed import AuditFeed
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.batches import Batches
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.mcps import Mcps
from ambassador_server.services.sign_in.administrator_proof import AdministratorProver
from ambassador_server.services.sign_in.enrolments import Enrolments
from ambassador_server.services.sign_in.key_proof import KeyProver
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.password_proof import PasswordProver
from ambassador_server.services.sign_in.sessions import Sessions
from ambassador_server.services.use_cases import Services
from ambassador_server.throttling.failures import FailureThrottle


@dataclass(frozen=True, slots=True)
class Core:
    """What the services share."""

    clock: SystemClock
    recorder: Recorder
    policy: PolicyKeeper
    catalog: Catalog
    downstreams: DownstreamPool
    in_flight: CallsInFlight
    calls: CallPipeline
    logs: Sequence[AuditLogReader]
    deliveries: AuditDeliveries


def create_services(
    config: ServerConfig, store: Store, log: JsonlAuditLog, keys: KeyRing, core: Core
) -> Services:
    """Put the use cases together."""
    clock, recorder, policy = core.clock, core.recorder, core.policy
    changes = Changes(store=store, policy=policy, recorder=recorder)
    throttle, hashing = FailureThrottle(config.limits.failed_logins), Argon2Passwords()
    search = AuditSearch(store=store, logs=core.logs, clock=clock)
    prover = PasswordProver(store=store, recorder=recorder, hashing=hashing, throttle=throttle)
    key_prover = _key_prover(store, keys, core, throttle)
    sessions = _sessions(config, store, keys, core, throttle, key_prover)
    client_keys = ClientKeys(
        store=store, changes=changes, clock=clock, pepper=keys.pepper, prolonged=config.client_keys.prolonged
    )
    subscriptions = Subscriptions(store=store, changes=changes, clock=clock)
    return Services(
        policy=policy,
        recorder=recorder,
        catalog=core.catalog,
        calls=core.calls,
        sessions=sessions,
        key_prover=key_prover,
        session_control=SessionControl(store=store, changes=changes, sessions=sessions, clock=clock),
        administrators=_administrators(store, keys, core, throttle),
        admin_keys=AdminKeys(store=store, changes=changes, clock=clock, pepper=keys.pepper),
        logins=_logins(config, store, changes, keys, core, prover),
        passwords=Passwords(changes=changes, hashing=hashing, prover=prover, clock=clock),
        users=Users(store=store, changes=changes, clock=clock),
        groups=Groups(store=store, changes=changes, clock=clock),
        batches=Batches(changes=changes),
        mcps=Mcps(store=store, changes=changes, downstreams=core.downstreams, clock=clock),
        grants=Grants(store=store, changes=changes, clock=clock),
        keys=client_keys,
        enrolments=_enrolments(store, changes, keys, core, key_prover, throttle),
        own_access=_own_access(core, changes, sessions, key_prover, client_keys, subscriptions),
        subscriptions=subscriptions,
        switches=Switches(store=store, changes=changes, catalog=core.catalog, clock=clock),
        switch_effects=SwitchEffects(
            store=store, policy=policy, catalog=core.catalog, in_flight=core.in_flight, clock=clock
        ),
        access=AccessQuestions(policy=policy, catalog=core.catalog),
        audit_search=search,
        audit_feed=AuditFeed(search),
        audit_retention=AuditRetention(
            store=store, log=log, search=search, deliveries=core.deliveries, recorder=recorder, clock=clock
        ),
        audit_archive=JsonlArchive(config.audit_dir, AuditSigner(keys.audit_keys)),
        health=Health(store=store, log=log, policy=policy, deliveries=core.deliveries),
        downstreams=core.downstreams,
    )


def _key_prover(store: Store, keys: KeyRing, core: Core, throttle: FailureThrottle) -> KeyProver:
    return KeyProver(
        store=store,
        policy=core.policy,
        recorder=core.recorder,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _logins(
    config: ServerConfig,
    store: Store,
    changes: Changes,
    keys: KeyRing,
    core: Core,
    prover: PasswordProver,
) -> Logins:
    return Logins(
        store=store,
        changes=changes,
        prover=prover,
        clock=core.clock,
        lasts=timedelta(seconds=config.session.login_seconds),
        pepper=keys.pepper,
    )


def _sessions(
    config: ServerConfig,
    store: Store,
    keys: KeyRing,
    core: Core,
    throttle: FailureThrottle,
    prover: KeyProver,
) -> Sessions:
    return Sessions(
        store=store,
        policy=core.policy,
        tokens=HmacSessionTokens(keys),
        prover=prover,
        recorder=core.recorder,
        throttle=throttle,
        clock=core.clock,
        bounds=session_bounds(config),
    )


def _administrators(
    store: Store, keys: KeyRing, core: Core, throttle: FailureThrottle
) -> AdministratorProver:
    return AdministratorProver(
        store=store,
        policy=core.policy,
        recorder=core.recorder,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _enrolments(
    store: Store,
    changes: Changes,
    keys: KeyRing,
    core: Core,
    prover: KeyProver,
    throttle: FailureThrottle,
) -> Enrolments:
    return Enrolments(
        store=store,
        changes=changes,
        prover=prover,
        recorder=core.recorder,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _own_access(
    core: Core,
    changes: Changes,
    sessions: Sessions,
    prover: KeyProver,
    keys: ClientKeys,
    subscriptions: Subscriptions,
) -> OwnAccess:
    return OwnAccess(
        policy=core.policy,
        catalog=core.catalog,
        changes=changes,
        sessions=sessions,
        prover=prover,
        keys=keys,
        subscriptions=subscriptions,
    )
