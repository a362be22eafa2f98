"""Builds one complete server without its listeners."""

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

from aiohttp import web

from ambassador_server.authenticators.access_token import AccessTokenAuthenticator
from ambassador_server.authenticators.preshared_key import PresharedKeyAuthenticator
from ambassador_server.authenticators.session_token import SessionTokenAuthenticator
from ambassador_server.bootstrap.foundation import Foundation, open_foundation
from ambassador_server.bootstrap.options import sink_settings
from ambassador_server.bootstrap.services import UseCases, create_services
from ambassador_server.bootstrap.telemetry import Telemetry
from ambassador_server.config import ServerConfig
from ambassador_server.crypto.sealing import AesGcmSealer
from ambassador_server.errors import StorageError
from ambassador_server.mcp.conversations import Conversations
from ambassador_server.mcp.endpoint import McpEndpoint
from ambassador_server.mcp.eras.legacy import LegacyEra
from ambassador_server.mcp.eras.modern import ModernEra
from ambassador_server.mcp.methods.dispatch import build_methods
from ambassador_server.mcp.methods.subscriptions import Subscriptions
from ambassador_server.mcp.open_streams import OpenStreams
from ambassador_server.meta_tools.answers import MetaTools
from ambassador_server.ports.tracing import Tracer
from ambassador_server.services.calls.use_cases import CallUseCases
from ambassador_server.services.monitoring.families import Family
from ambassador_server.services.shared.database_deadline import within_deadline
from ambassador_server.storage.database_url import redacted_url
from ambassador_server.web.admin.metrics import families_of_listeners
from ambassador_server.web.app import create_admin_app, create_client_app
from ambassador_server.web.app_keys import WebSettings
from ambassador_server.web.keep_alive import KeepAlive
from ambassador_server.web.listener_bounds import ConnectionsByApi, no_connections


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, eq=False)
class Ambassador:
    """One complete server without its listeners."""

    config: ServerConfig
    base: Foundation
    services: UseCases
    telemetry: Telemetry | None = None
    connections: ConnectionsByApi = field(default_factory=no_connections)

    def client_app(self, ca_pem: bytes | None) -> web.Application:
        """Build the client API."""
        return self._client_app(self._web_settings(ca_pem))

    def gateway_app(self, ca_pem: bytes | None) -> web.Application:
        """Build the client API for the users of an API gateway, whose certificate its listener asks for."""
        return self._client_app(replace(self._web_settings(ca_pem), is_gateway=True))

    def _client_app(self, settings: WebSettings) -> web.Application:
        sign_in, calls = self.services.client_sign_in, self.services.calls
        return create_client_app(
            sign_in=sign_in,
            calls=calls,
            own=self.services.own,
            health=self.services.health,
            settings=settings,
            authenticators=(
                SessionTokenAuthenticator(sign_in.sessions),
                PresharedKeyAuthenticator(sign_in.keys),
                AccessTokenAuthenticator(sign_in.tokens),
            ),
            face=_mcp_endpoint(self.base, calls),
            keep_alive=KeepAlive(),
        )

    def admin_app(self, ca_pem: bytes | None) -> web.Application:
        """Build the admin API."""
        return create_admin_app(
            sign_in=self.services.administrator_sign_in,
            administration=self.services.administration,
            registry=self.services.registry,
            audit=self.services.audit,
            metrics=self.services.metrics,
            health=self.services.health,
            settings=self._web_settings(ca_pem),
        )

    async def families(self) -> list[Family]:
        """Return every metric of this server and of its listeners."""
        return await self.services.metrics.families() + families_of_listeners(
            self.connections, self.base.ignored.requests
        )

    async def close(self) -> None:
        """Close downstreams, indexer, sinks, log, database and telemetry in this order, even if closing one fails."""
        async with AsyncExitStack() as stack:
            if self.telemetry is not None:
                stack.push_async_callback(self.telemetry.close)
            stack.push_async_callback(self.base.store.close)
            stack.push_async_callback(self._store_anchor)
            stack.push_async_callback(self.base.log.close)
            stack.push_async_callback(self.services.deliveries.close)
            stack.push_async_callback(self.services.indexer.close)
            stack.push_async_callback(self.base.downstreams.close)

    async def _store_anchor(self) -> None:
        # A database that does not answer must not keep a server from stopping: the next start knows an older anchor.
        with suppress(StorageError):
            await self._follow_anchor()

    @within_deadline
    async def _follow_anchor(self) -> None:
        await self.services.anchors.follow()

    def _web_settings(self, ca_pem: bytes | None) -> WebSettings:
        return WebSettings(
            allowed_hosts=self.config.allowed_hosts(),
            cors_origins=frozenset(self.config.cors.origins),
            legacy_sse=self.config.legacy_sse,
            max_body_bytes=self.config.limits.body_bytes,
            tls=self.config.tls == "on",
            public_url=(self.config.public_url or "").rstrip("/"),
            ca_pem=ca_pem,
            configuration=self.config.effective_settings(redacted_url),
            connections=self.connections,
            tracer=_tracer(self.telemetry),
        )


def _mcp_endpoint(base: Foundation, calls: CallUseCases) -> McpEndpoint:
    sealer = AesGcmSealer(base.key_ring.session_keys)
    meta = MetaTools(calls.search)
    methods = build_methods(calls.catalog, calls.pipeline, meta, sealer, base.clock)
    streams, conversations = OpenStreams(), Conversations()
    subscriptions = Subscriptions(
        changes=calls.list_changes,
        watches=calls.resource_updates,
        streams=streams,
        conversations=conversations,
    )
    return McpEndpoint(
        legacy=LegacyEra(
            methods=methods,
            catalog=calls.catalog,
            conversations=conversations,
            subscriptions=subscriptions,
        ),
        modern=ModernEra(methods=methods, catalog=calls.catalog, subscriptions=subscriptions),
        streams=streams,
    )


def _tracer(telemetry: Telemetry | None) -> Tracer | None:
    return None if telemetry is None else telemetry.tracer


async def build(config: ServerConfig, *, writer: str, telemetry: Telemetry | None = None) -> Ambassador:
    """Build the server. Raises ConfigurationError or StorageError."""
    sinks = [sink_settings(options) for options in config.audit.sinks]
    base = await open_foundation(config, writer=writer)
    services = create_services(config, base, sinks, _tracer(telemetry))
    ambassador = Ambassador(
        config=config,
        base=base,
        services=services,
        telemetry=telemetry,
        connections=no_connections(gateway=config.gateway.host is not None),
    )
    try:
        await base.policy.refresh()
    except StorageError:
        await ambassador.close()
        raise
    return ambassador
