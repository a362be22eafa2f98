"""The composition root: the only file that knows who serves what."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions, Fsync
from ambassador_server.audit_log.other import OtherLog
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.audit_sinks import build_sink
from ambassador_server.audit_sinks.shared.options import SinkOptions
from ambassador_server.authenticators.preshared_key import PresharedKeyAuthenticator
from ambassador_server.authenticators.session_token import SessionTokenAuthenticator
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.keys import KeyRing, load_or_create
from ambassador_server.crypto.passwords import Argon2Passwords
from ambassador_server.crypto.session_tokens import HmacSessionTokens
from ambassador_server.domain.secret_shapes import mask_text
from ambassador_server.domain.session import SessionBounds
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.errors import StorageError
from ambassador_server.mcp.face import McpEndpoint
from ambassador_server.mcp.payload import MsgspecPayloads
from ambassador_server.mcp.tools import ToolMethods
from ambassador_server.ports.audit_log import AuditLogReader
from ambassador_server.ports.downstream import DownstreamChange
from ambassador_server.ports.store import Store
from ambassador_server.services.access import AccessQuestions
from ambassador_server.services.admin_keys import AdminKeys
from ambassador_server.services.administrators import Administrators
from ambassador_server.services.audit_delivery import AuditDeliveries, SinkOrder
from ambassador_server.services.audit_feed import AuditFeed
from ambassador_server.services.audit_retention import AuditRetention
from ambassador_server.services.audit_trail import AuditTrail
from ambassador_server.services.auditor import Auditor
from ambassador_server.services.batches import Batches
from ambassador_server.services.calls import Calls
from ambassador_server.services.catalog import Catalog
from ambassador_server.services.changes import Changes
from ambassador_server.services.downstream_watch import DownstreamWatch
from ambassador_server.services.enrolments import Enrolments
from ambassador_server.services.flights import Flights
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
from ambassador_server.services.proof import PasswordProver
from ambassador_server.services.registry import Services
from ambassador_server.services.session_control import SessionControl
from ambassador_server.services.sessions import Sessions
from ambassador_server.services.subscriptions import Subscriptions
from ambassador_server.services.switches import Switches
from ambassador_server.services.users import Users
from ambassador_server.storage.engine import open_store
from ambassador_server.storage.target import shown
from ambassador_server.web.app import create_admin_app, create_client_app
from ambassador_server.web.keys import WebSettings
from ambassador_server.web.throttle import FailureThrottle


class SystemClock:
    """Implements `ports.clock.Clock` with the machine's clocks."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambassador:
    """One complete server without its sockets."""

    config: ServerConfig
    store: Store
    log: JsonlAuditLog
    downstreams: DownstreamPool
    watch: DownstreamWatch
    deliveries: AuditDeliveries
    services: Services

    def client_app(self, ca_pem: bytes | None) -> web.Application:
        """Build the client API."""
        sessions, keys = self.services.sessions, self.services.key_prover
        return create_client_app(
            services=self.services,
            settings=self._web_settings(ca_pem),
            authenticators=(SessionTokenAuthenticator(sessions), PresharedKeyAuthenticator(keys)),
            face=McpEndpoint(ToolMethods(catalog=self.services.catalog, calls=self.services.calls)),
        )

    def admin_app(self, ca_pem: bytes | None) -> web.Application:
        """Build the admin API."""
        return create_admin_app(services=self.services, settings=self._web_settings(ca_pem))

    async def close(self) -> None:
        """Stop the downstreams, the audit sinks, the log, the database; each even when the one before failed to."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            stack.push_async_callback(self.log.close)
            stack.push_async_callback(self.deliveries.close)
            stack.push_async_callback(self.downstreams.close)

    def _web_settings(self, ca_pem: bytes | None) -> WebSettings:
        return WebSettings(
            allowed_hosts=self.config.allowed_hosts(),
            max_body_bytes=self.config.limits.body_bytes,
            tls=self.config.tls == "on",
            ca_pem=ca_pem,
            configuration=self.config.in_force(shown),
        )


async def build(config: ServerConfig, *, writer: str) -> Ambassador:
    """Open everything a server needs. Raises ConfigurationError or StorageError that says what to mend."""
    orders = [_sink_order(options) for options in config.audit.sinks]
    store = await open_store(config.store_url)
    try:
        keys = load_or_create(config.keys_dir)
        log = await JsonlAuditLog.open(
            config.audit_dir,
            writer,
            signer=AuditSigner(keys.audit_keys),
            clock=SystemClock(),
            options=_log_options(config),
        )
    except BaseException:
        await store.close()
        raise
    ambassador = _assemble(config, store, log, keys, orders)
    try:
        await ambassador.services.policy.refresh()
    except StorageError:
        await ambassador.close()
        raise
    return ambassador


def _assemble(
    config: ServerConfig, store: Store, log: JsonlAuditLog, keys: KeyRing, orders: Sequence[SinkOrder]
) -> Ambassador:
    clock, news = SystemClock(), _News()
    logs = (log, OtherLog(config.audit_dir, config.init_writer))
    journal = FileSinkJournal(config.audit_dir, config.node)
    deliveries = AuditDeliveries(orders=orders, logs=logs, journal=journal, clock=clock)
    downstreams = DownstreamPool(news, user_limits=_user_limits(config), mask=mask_text)
    auditor = Auditor(log=log, clock=clock)
    policy = PolicyKeeper(store=store, clock=clock)
    catalog = Catalog(policy=policy, downstreams=downstreams, separator=config.separator)
    watch = news.watch = DownstreamWatch(
        store=store, policy=policy, catalog=catalog, auditor=auditor, downstreams=downstreams
    )
    flights = Flights(policy)
    calls = Calls(
        policy=policy,
        catalog=catalog,
        flights=flights,
        auditor=auditor,
        downstreams=downstreams,
        payloads=MsgspecPayloads(),
        clock=clock,
    )
    core = _Core(clock, auditor, policy, catalog, downstreams, flights, calls, logs, deliveries)
    return Ambassador(
        config=config,
        store=store,
        log=log,
        downstreams=downstreams,
        watch=watch,
        deliveries=deliveries,
        services=_services(config, store, log, keys, core),
    )


@dataclass(frozen=True, slots=True)
class _Core:
    """What the services share."""

    clock: SystemClock
    auditor: Auditor
    policy: PolicyKeeper
    catalog: Catalog
    downstreams: DownstreamPool
    flights: Flights
    calls: Calls
    logs: Sequence[AuditLogReader]
    deliveries: AuditDeliveries


def _services(config: ServerConfig, store: Store, log: JsonlAuditLog, keys: KeyRing, core: _Core) -> Services:
    clock, auditor, policy = core.clock, core.auditor, core.policy
    changes = Changes(store=store, policy=policy, auditor=auditor)
    throttle, hashing = FailureThrottle(config.limits.failed_logins), Argon2Passwords()
    trail = AuditTrail(store=store, logs=core.logs, clock=clock)
    prover = PasswordProver(store=store, auditor=auditor, hashing=hashing, throttle=throttle)
    key_prover = _key_prover(store, keys, core, throttle)
    sessions = _sessions(config, store, keys, core, throttle, key_prover)
    prolonged = config.client_keys.prolonged
    client_keys = Keys(store=store, changes=changes, clock=clock, pepper=keys.pepper, prolonged=prolonged)
    subscriptions = Subscriptions(store=store, changes=changes, clock=clock)
    return Services(
        policy=policy,
        auditor=auditor,
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
        impacts=Impacts(store=store, policy=policy, catalog=core.catalog, flights=core.flights, clock=clock),
        access=AccessQuestions(policy=policy, catalog=core.catalog),
        audit_trail=trail,
        audit_feed=AuditFeed(trail),
        audit_retention=AuditRetention(
            store=store, log=log, trail=trail, deliveries=core.deliveries, auditor=auditor, clock=clock
        ),
        audit_archive=JsonlArchive(config.audit_dir, AuditSigner(keys.audit_keys)),
        health=Health(store=store, log=log, policy=policy, deliveries=core.deliveries),
        downstreams=core.downstreams,
    )


def _key_prover(store: Store, keys: KeyRing, core: _Core, throttle: FailureThrottle) -> KeyProver:
    return KeyProver(
        store=store,
        policy=core.policy,
        auditor=core.auditor,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _logins(
    config: ServerConfig,
    store: Store,
    changes: Changes,
    keys: KeyRing,
    core: _Core,
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
    core: _Core,
    throttle: FailureThrottle,
    prover: KeyProver,
) -> Sessions:
    return Sessions(
        store=store,
        policy=core.policy,
        tokens=HmacSessionTokens(keys),
        prover=prover,
        auditor=core.auditor,
        throttle=throttle,
        clock=core.clock,
        bounds=_session_bounds(config),
    )


def _administrators(store: Store, keys: KeyRing, core: _Core, throttle: FailureThrottle) -> Administrators:
    return Administrators(
        store=store,
        policy=core.policy,
        auditor=core.auditor,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _enrolments(
    store: Store,
    changes: Changes,
    keys: KeyRing,
    core: _Core,
    prover: KeyProver,
    throttle: FailureThrottle,
) -> Enrolments:
    return Enrolments(
        store=store,
        changes=changes,
        prover=prover,
        auditor=core.auditor,
        throttle=throttle,
        clock=core.clock,
        pepper=keys.pepper,
    )


def _own_access(
    core: _Core,
    changes: Changes,
    sessions: Sessions,
    prover: KeyProver,
    keys: Keys,
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


class _News:
    """Lets the downstreams be built before the watch that follows them."""

    watch: DownstreamWatch | None = None

    def __call__(self, change: DownstreamChange) -> None:
        if self.watch is not None:
            self.watch.changed(change)


def _log_options(config: ServerConfig) -> AuditLogOptions:
    section = config.audit
    return AuditLogOptions(
        fsync=Fsync(section.fsync),
        segment_max_bytes=section.segment_bytes,
        segment_max_age=section.segment_seconds,
        checkpoint_records=section.checkpoint_records,
        checkpoint_interval=section.checkpoint_seconds,
    )


def _sink_order(options: SinkOptions) -> SinkOrder:
    return SinkOrder(
        name=options.name,
        kind=options.type,
        sink=build_sink(options),
        batch_records=options.batch_records,
        batch_bytes=options.batch_bytes,
        linger=options.linger_seconds,
        timeout=options.timeout_seconds,
        wants=options.wants,
    )


def _user_limits(config: ServerConfig) -> UserLimits:
    section = config.user_connections
    return UserLimits(idle=section.idle_seconds, per_user=section.per_user, total=section.total)


def _session_bounds(config: ServerConfig) -> SessionBounds:
    return SessionBounds(
        idle=timedelta(seconds=config.session.idle_seconds),
        lifetime=timedelta(seconds=config.session.lifetime_seconds),
        per_key=config.session.per_key,
    )
