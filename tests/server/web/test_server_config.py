"""Which roles may read the configuration of a running server, tested with a server over a socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ambassador_protocol.paths import ADMIN_KEY_HEADER, SERVER_CONFIG
from ambassador_server.bootstrap.server import Ambassador, build
from ambassador_server.config import load_config
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Role
from ambassador_server.storage.migrate import upgrade


@pytest.fixture
async def ambassador(tmp_path: Path) -> AsyncIterator[Ambassador]:
    config = load_config({"data_dir": tmp_path, "tls": "off"}, {"MCP_AMBASSADOR_NODE": "west"})
    await upgrade(config.store_url)
    server = await build(config, writer="test")
    yield server
    await server.close()


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.MONITOR, Role.SCIM}])
async def test_every_role_of_people_may_read_the_configuration_and_it_contains_no_key(
    ambassador: Ambassador, tmp_path: Path, role: Role
) -> None:
    _, secret = await ambassador.services.administration.admin_keys.issue(
        Requester(None, None), name=role, roles=(role,), lifetime=None
    )
    async with TestClient(TestServer(ambassador.admin_app(None))) as client:
        async with client.get(SERVER_CONFIG, headers={ADMIN_KEY_HEADER: secret}) as answer:
            assert answer.status == 200
            text, body = await answer.text(), await answer.json()
        async with client.get(SERVER_CONFIG) as refused:
            assert refused.status == 401
    told = {each.pop("name"): each for each in body["settings"]}
    assert told["data_dir"] == {"value": str(tmp_path), "origin": "flag", "source": "--data-dir"}
    assert told["node"] == {"value": "west", "origin": "environment", "source": "MCP_AMBASSADOR_NODE"}
    assert told["session.idle_seconds"]["origin"] == "default"
    keys = [
        path.read_text(errors="replace").strip() for path in (tmp_path / "keys").rglob("*") if path.is_file()
    ]
    assert keys
    assert not [line for key in keys for line in key.splitlines() if line in text]


async def test_a_key_for_monitoring_reads_no_configuration(ambassador: Ambassador) -> None:
    _, secret = await ambassador.services.administration.admin_keys.issue(
        Requester(None, None), name="monitor", roles=(Role.MONITOR,), lifetime=None
    )
    async with (
        TestClient(TestServer(ambassador.admin_app(None))) as client,
        client.get(SERVER_CONFIG, headers={ADMIN_KEY_HEADER: secret}) as answer,
    ):
        assert answer.status == 403
