"""One complete server without its sockets."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.read_only_log import OtherLog
from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.authenticators.preshared_key import PresharedKeyAuthenticator
from ambassador_server.authenticators.session_token import SessionTokenAuthenticator
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.options import log_options, sink_order, user_limits
from ambassador_server.bootstrap.services import Core, create_services
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.crypto.key_ring import KeyRing, load_or_create
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.errors import StorageError
from ambassador_server.mcp.endpoint import McpEndpoint
from ambassador_server.mcp.methods.tools import ToolMethods
from ambassador_server.mcp.payloads import MsgspecPayloads
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.delivery import LONGEST_WAIT, AuditDeliveries, SinkSettings
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.in_flight import CallsInFlight
from ambassador_server.services.calls.pipeline import CallPipeline
from ambassador_server.services.changes.policy_keeper import PolicyKeeper
from ambassador_server.services.registry.downstream_watch import DownstreamWatch
from ambassador_server.services.use_cases import Services
from ambassador_server.storage.database_url import shown
from ambassador_server.storage.sql_store import open_store
from ambassador_server.web.app import create_admin_app, create_client_app
from ambassador_server.web.app_keys import WebSettings

_SINK_PAUSES = Backoff(0.5, LONGEST_WAIT)


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
    orders = [sink_order(options) for options in config.audit.sinks]
    store = await open_store(config.store_url)
    try:
        keys = load_or_create(config.keys_dir)
        log = await JsonlAuditLog.open(
            config.audit_dir,
            writer,
            signer=AuditSigner(keys.audit_keys),
            clock=SystemClock(),
            options=log_options(config),
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
    config: ServerConfig, store: Store, log: JsonlAuditLog, keys: KeyRing, orders: Sequence[SinkSettings]
) -> Ambassador:
    clock = SystemClock()
    logs = (log, OtherLog(config.audit_dir, config.init_writer))
    journal = FileSinkJournal(config.audit_dir, config.node)
    deliveries = AuditDeliveries(
        orders=orders, logs=logs, journal=journal, clock=clock, pause_after=_SINK_PAUSES.after
    )
    downstreams = DownstreamPool(user_limits=user_limits(config), mask=mask_text)
    recorder = Recorder(log=log, clock=clock)
    policy = PolicyKeeper(store=store, clock=clock)
    catalog = Catalog(policy=policy, downstreams=downstreams, separator=config.separator)
    watch = DownstreamWatch(store=store, policy=policy, recorder=recorder, downstreams=downstreams)
    in_flight = CallsInFlight(policy)
    calls = CallPipeline(
        policy=policy,
        catalog=catalog,
        in_flight=in_flight,
        recorder=recorder,
        downstreams=downstreams,
        payloads=MsgspecPayloads(),
        clock=clock,
    )
    core = Core(clock, recorder, policy, catalog, downstreams, in_flight, calls, logs, deliveries)
    return Ambassador(
        config=config,
        store=store,
        log=log,
        downstreams=downstreams,
        watch=watch,
        deliveries=deliveries,
        services=create_services(config, store, log, keys, core),
    )
