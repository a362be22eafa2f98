"""`/v1/admin/server`: shows the configuration and the health of the running server."""

from aiohttp import web

from ambassador_protocol.admin.server import (
    AuditIndexView,
    SandboxView,
    ServerConfiguration,
    ServerHealth,
    SettingView,
    SinkView,
)
from ambassador_protocol.paths import SERVER_CONFIG, SERVER_HEALTH
from ambassador_server.domain.catalog.mcps import SandboxOffer
from ambassador_server.domain.people.administrators import Right
from ambassador_server.domain.shared.settings import Setting
from ambassador_server.services.audit.delivery import SinkStatus
from ambassador_server.services.audit.log_indexing import IndexState
from ambassador_server.web.admin.app_keys import REGISTRY
from ambassador_server.web.app_keys import HEALTH_CHECKS, SETTINGS
from ambassador_server.web.bodies import json_response
from ambassador_server.web.endpoints import Endpoint
from ambassador_server.web.health import connection_faults
from ambassador_server.web.timestamps import optional_timestamp


async def configuration(request: web.Request) -> web.Response:
    """Show the effective value and the origin of every setting."""
    settings = request.app[SETTINGS].configuration
    return json_response(ServerConfiguration(settings=[_view(each) for each in settings]))


async def health(request: web.Request) -> web.Response:
    """Show readiness, audit sinks and index, connections, sandboxes, and tools that wait for an approval."""
    health_checks = request.app[HEALTH_CHECKS]
    checks = await health_checks.checks()
    sinks = [_sink_view(each) for each in await health_checks.sinks()]
    sandboxes = [_sandbox_view(each) for each in await health_checks.sandboxes()]
    status = "ready" if all(checks.values()) else "not_ready"
    index = _index_view(await health_checks.index())
    return json_response(
        ServerHealth(
            status=status,
            checks=checks,
            sinks=sinks,
            audit_index=index,
            connections=connection_faults(request),
            sandboxes=sandboxes,
            waiting_tools=request.app[REGISTRY].reports.waiting(),
        )
    )


def endpoints() -> list[Endpoint]:
    """Return the endpoints in the order of the OpenAPI document."""
    return [
        Endpoint(
            method="GET",
            path=SERVER_CONFIG,
            right=Right.READ,
            handler=configuration,
            response_type=ServerConfiguration,
        ),
        Endpoint(
            method="GET", path=SERVER_HEALTH, right=Right.READ, handler=health, response_type=ServerHealth
        ),
    ]


def _view(setting: Setting) -> SettingView:
    source = setting.source
    return SettingView(name=setting.name, value=setting.value, origin=source.kind.value, source=source.place)


def _sink_view(sink: SinkStatus) -> SinkView:
    return SinkView(
        name=sink.name,
        type=sink.kind,
        state="failing" if sink.failures else "delivering",
        behind=sink.behind,
        positions=dict(sink.positions),
        delivered=sink.delivered,
        dead_letters=sink.dead_letters,
        failures=sink.failures,
        last_success=optional_timestamp(sink.last_success),
        last_error=sink.last_error,
        last_error_at=optional_timestamp(sink.last_error_at),
        anomaly=sink.anomaly,
    )


def _index_view(state: IndexState) -> AuditIndexView:
    return AuditIndexView(
        runner=state.runner,
        behind_records=state.behind_records,
        behind_seconds=round(state.behind_seconds, 1),
        indexed_until=optional_timestamp(state.indexed_until),
        restarts=state.restarts,
        failure=state.failure,
    )


def _sandbox_view(offer: SandboxOffer) -> SandboxView:
    return SandboxView(
        kind=offer.kind, available=offer.available, is_default=offer.is_default, detail=offer.detail
    )
