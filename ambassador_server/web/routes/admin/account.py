"""`/v1/admin/whoami`: who the presented admin key is."""

from aiohttp import web

from ambassador_protocol import __version__
from ambassador_protocol.admin.account import Whoami
from ambassador_protocol.paths import WHOAMI
from ambassador_server.domain.administrator import Right
from ambassador_server.web.bodies import json_response
from ambassador_server.web.keys import ADMINISTRATOR
from ambassador_server.web.middleware.authenticate import administered
from ambassador_server.web.views import optional_timestamp


async def whoami(request: web.Request) -> web.Response:
    """Show the administrator."""
    administrator = request[ADMINISTRATOR]
    return json_response(
        Whoami(
            name=administrator.name,
            roles=[role.value for role in administrator.roles],
            expires_at=optional_timestamp(administrator.expires_at),
            server_version=__version__,
        )
    )


def routes() -> list[web.RouteDef]:
    """Return the routes of the admin API."""
    return [web.get(WHOAMI, administered(Right.READ, whoami))]
