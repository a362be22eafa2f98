"""The route of the fake admin API for what a server tells of itself."""

from dataclasses import asdict

from aiohttp import web

from ambassador_protocol import paths
from ambassador_protocol.admin.server import ServerConfiguration, SettingView
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


def telling() -> list[web.RouteDef]:
    """Return the route."""
    return [web.get(paths.SERVER_CONFIG, _for("read", _configuration))]


async def _configuration(request: web.Request) -> web.Response:
    return web.json_response(asdict(ServerConfiguration(settings=list(_SETTINGS))))
