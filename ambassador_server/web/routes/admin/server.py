"""`/v1/admin/server`: what the running server goes by."""

from aiohttp import web

from ambassador_protocol.admin.server import ServerConfiguration, SettingView
from ambassador_protocol.paths import SERVER_CONFIG
from ambassador_server.domain.administrator import Right
from ambassador_server.domain.setting import Setting
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import SETTINGS
from ambassador_server.web.middleware.authenticate import administered


async def configuration(request: web.Request) -> web.Response:
    """Show every setting in force and where it comes from."""
    settings = request.app[SETTINGS].configuration
    return json_response(ServerConfiguration(settings=[_view(each) for each in settings]))


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [web.get(SERVER_CONFIG, administered(Right.READ, configuration))]


def _view(setting: Setting) -> SettingView:
    source = setting.source
    return SettingView(
        name=setting.name, value=setting.value, origin=source.origin.value, source=source.place
    )
