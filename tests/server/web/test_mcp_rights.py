"""Which roles may operate MCPs, tested with a server in this process over a socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import ADMIN_KEY_HEADER, MCPS
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import ServerConfig
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.storage.migrate import upgrade

ALLOWED, MISSING_RIGHT = 404, 403
"""The response for an unknown MCP."""


@pytest.fixture
async def ambassador(tmp_path: Path) -> AsyncIterator[Ambassador]:
    config = ServerConfig(data_dir=tmp_path, tls="off")
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    yield server
    await server.close()


@pytest.mark.parametrize(
    ("role", "reading", "operating"),
    [
        (Role.ADMIN, ALLOWED, ALLOWED),
        (Role.OPERATOR, ALLOWED, ALLOWED),
        (Role.PROVISIONER, ALLOWED, MISSING_RIGHT),
        (Role.AUDITOR, ALLOWED, MISSING_RIGHT),
    ],
)
async def test_output_and_restart_need_the_right_operate(
    ambassador: Ambassador, role: Role, reading: int, operating: int
) -> None:
    _, secret = await ambassador.services.administration.admin_keys.issue(
        Requester(None, None), name=role, roles=(role,), lifetime=None
    )
    headers = {ADMIN_KEY_HEADER: secret}
    async with TestClient(TestServer(ambassador.admin_app(None))) as client:
        for method, path, expected in (
            ("GET", f"{MCPS}/nothing", reading),
            ("GET", f"{MCPS}/nothing/logs", operating),
            ("POST", f"{MCPS}/nothing/restart", operating),
        ):
            async with client.request(method, path, headers=headers) as answer:
                assert answer.status == expected, (path, await answer.text())
