"""The routes of the fake admin API for the server itself."""

from dataclasses import asdict, replace

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.server import (
    AuditIndexView,
    SandboxView,
    ServerConfiguration,
    ServerHealth,
    SettingView,
    SinkView,
)
from ambassador_protocol.health import ConnectionFaults
from tests.admin.fake_routes import _for

_SETTINGS = (
    SettingView(name="data_dir", value="/srv/ambassador", origin="flag", source="--data-dir"),
    SettingView(name="port", value=8443, origin="default", source=None),
    SettingView(name="hostnames", value=["door"], origin="file", source="/etc/ambassador.yaml"),
    SettingView(
        name="database_url",
        value="postgresql://[redacted]:[redacted]@db/ambassador",
        origin="environment",
        source="MCP_AMBASSADOR_DATABASE_URL",
    ),
)

_WELL = SinkView(
    name="archive",
    type="webhook",
    state="delivering",
    behind=0,
    positions={"main": 1204},
    delivered=1100,
    dead_letters=0,
    failures=0,
    last_success="2026-01-01T11:59:59.000Z",
    last_error=None,
    last_error_at=None,
    anomaly=None,
)
_SINKS = [
    _WELL,
    replace(
        _WELL,
        name="siem",
        type="splunk_hec",
        state="failing",
        behind=31,
        positions={"main": 1170},
        delivered=1060,
        dead_letters=2,
        failures=7,
        last_success="2026-01-01T11:40:00.000Z",
        last_error="the receiver answers 503",
        last_error_at="2026-01-01T11:59:30.000Z",
    ),
]
_INDEX = AuditIndexView(
    runner="process",
    behind_records=1200,
    behind_seconds=2.5,
    indexed_until="2026-01-01T12:00:00.000Z",
    restarts=0,
    failure=None,
)
_SANDBOXES = [
    SandboxView(kind="landlock", available=True, is_default=True, detail="ABI 7"),
    SandboxView(
        kind="bubblewrap",
        available=False,
        is_default=False,
        detail="the command 'bwrap' is not installed",
    ),
]


def server_routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [
        web.get(paths.SERVER_CONFIG, _for("read", _configuration)),
        web.get(paths.SERVER_HEALTH, _for("read", _health)),
    ]


async def _configuration(request: web.Request) -> web.Response:
    return web.json_response(asdict(ServerConfiguration(settings=list(_SETTINGS))))


async def _health(request: web.Request) -> web.Response:
    health = ServerHealth(
        status="ready",
        checks={"database": True},
        sinks=_SINKS,
        audit_index=_INDEX,
        connections={
            "client": ConnectionFaults(refused=3, cut_off=1),
            "admin": ConnectionFaults(refused=0, cut_off=0),
        },
        sandboxes=_SANDBOXES,
        waiting_tools={"git": 2},
    )
    return web.json_response(asdict(health))
