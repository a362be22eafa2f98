"""The proxy declares what the server has: once it is known in the server's own words, before all that is possible."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from ambassador_protocol.mcp import CLIENT_FEATURES
from tests.client.fake_server import FakeServer
from tests.client.host import Host


async def test_discover_is_answered_by_the_server(server: FakeServer, proxy: Host):
    told = {"supportedVersions": ["2026-07-28"], "capabilities": {"prompts": {}}, "ttlMs": 5, "x": 10**20}

    async def discover(*_: Any) -> dict[str, Any]:
        return told

    server.methods["server/discover"] = discover
    answer = await proxy.request("server/discover", modern=True)
    assert answer["result"] == {"resultType": "complete", **told}
    # What the server has is known from now on.
    declared = (await proxy.initialize())["result"]["capabilities"]
    assert declared == {"prompts": {"listChanged": True}}


async def test_a_host_can_choose_a_version_that_the_server_supports(server: FakeServer, proxy: Host):
    error = {
        "code": -32022,
        "message": "no",
        "data": {"supported": ["2027-01-01"], "requested": "2026-07-28"},
    }

    async def refuse(_: FakeServer, message: dict[str, Any], __: object) -> web.Response:
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error}, status=400)

    server.methods["server/discover"] = server.methods["tools/list"] = refuse
    for method in ("server/discover", "tools/list"):
        assert (await proxy.request(method, modern=True))["error"] == error


@pytest.mark.parametrize("capabilities", [None, 5, []])
async def test_a_discovery_that_says_nothing_is_replaced(server: FakeServer, proxy: Host, capabilities: Any):
    async def discover(*_: Any) -> dict[str, Any]:
        return {"capabilities": capabilities}

    server.methods["server/discover"] = discover
    result = (await proxy.request("server/discover", modern=True))["result"]
    assert result["supportedVersions"] == ["2026-07-28"]
    assert result["capabilities"] == CLIENT_FEATURES


async def test_a_server_that_does_not_answer_delays_no_discovery_for_long(server: FakeServer, proxy: Host):
    async def never(*_: Any) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    server.methods["server/discover"] = never
    result = (await proxy.request("server/discover", modern=True))["result"]
    assert result["capabilities"] == CLIENT_FEATURES
    assert result["ttlMs"] == 0
    await server.until(lambda: server.cancelled == 1)


async def test_the_features_of_the_server_are_declared_once_they_are_known(server: FakeServer, proxy: Host):
    server.features = {"tools": {}, "resources": {"subscribe": True}, "x/vendor": {"level": 3}}
    assert (await proxy.initialize())["result"]["capabilities"] == CLIENT_FEATURES
    await proxy.call("echo")
    assert (await proxy.initialize())["result"]["capabilities"] == {
        "tools": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "x/vendor": {"level": 3},
    }
    await server.stop()
    result = (await proxy.request("server/discover", modern=True))["result"]
    assert result["capabilities"] == server.features
    await server.start()
    await proxy.until(lambda: len(proxy.notifications) == 2)
    assert [note["method"] for note in proxy.notifications] == [
        "notifications/tools/list_changed",
        "notifications/resources/list_changed",
    ]


@pytest.mark.parametrize("features", [{}, {"tools": {}}, {"tools": 5, "prompts": None}])
async def test_features_of_any_shape_are_understood(server: FakeServer, proxy: Host, features: Any):
    server.features = features
    await proxy.initialize()
    await proxy.call("echo")
    declared = (await proxy.initialize())["result"]["capabilities"]
    assert declared == ({"tools": {"listChanged": True}} if features == {"tools": {}} else {})
