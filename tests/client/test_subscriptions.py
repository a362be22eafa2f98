"""`subscriptions/listen` through a proxy process: server restarts, and servers without the method."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from mcp_types import SubscriptionsAcknowledgedNotification, ToolListChangedNotification

from tests.client.fake_server import FakeServer
from tests.client.host import Host, environment, host

WANTED = {"toolsListChanged": True, "resourceSubscriptions": ["a://b"]}
ID_KEY = "io.modelcontextprotocol/subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"


def offer(server: FakeServer) -> asyncio.Queue[dict[str, Any] | None]:
    """Add the method to the server; it sends the queued messages, and None ends the subscription."""
    changes: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def listen(_: FakeServer, message: dict[str, Any], request: web.Request) -> web.StreamResponse:
        meta = {ID_KEY: message["id"]}
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        first = {"method": ACKNOWLEDGED, "params": {"_meta": meta, "notifications": WANTED}}
        await response.write(f"data: {json.dumps({'jsonrpc': '2.0', **first})}\n\n".encode())
        while (note := await changes.get()) is not None:
            await response.write(f"data: {json.dumps({'jsonrpc': '2.0', **note})}\n\n".encode())
        end = {"id": message["id"], "result": {"resultType": "complete", "_meta": meta}}
        await response.write(f"data: {json.dumps({'jsonrpc': '2.0', **end})}\n\n".encode())
        return response

    server.methods["subscriptions/listen"] = listen
    return changes


def methods(proxy: Host) -> list[str]:
    return [note["method"] for note in proxy.notifications]


async def test_notifications_are_forwarded_until_the_subscription_ends(server: FakeServer, proxy: Host):
    changes = offer(server)
    listening = proxy.start_request("subscriptions/listen", {"notifications": WANTED}, modern=True)
    update = {
        "method": "notifications/resources/updated",
        "params": {"uri": "a://b", "_meta": {ID_KEY: listening}},
    }
    await changes.put(update)
    await proxy.until(lambda: methods(proxy) == [ACKNOWLEDGED, update["method"]])
    assert proxy.notifications[1] == {"jsonrpc": "2.0", **update}
    await changes.put(None)
    assert (await proxy.answer(listening))["result"]["_meta"] == {ID_KEY: listening}


async def test_a_subscription_survives_a_restart_and_reports_possible_changes(
    server: FakeServer, proxy: Host
):
    offer(server)
    listening = proxy.start_request("subscriptions/listen", {"notifications": WANTED}, modern=True)
    await proxy.until(lambda: methods(proxy) == [ACKNOWLEDGED])
    await server.stop()
    await proxy.until_said("AMB-5001")
    await server.start()
    await proxy.until(lambda: methods(proxy) == [ACKNOWLEDGED, CHANGED, UPDATED])
    assert proxy.notifications[1]["params"] == {"_meta": {ID_KEY: listening}}
    assert proxy.notifications[2]["params"] == {"uri": "a://b", "_meta": {ID_KEY: listening}}
    ToolListChangedNotification.model_validate(proxy.notifications[1])
    assert listening not in proxy.answers
    proxy.notify("notifications/cancelled", {"requestId": listening})
    await server.until(lambda: server.running == 0)
    await proxy.call("echo", modern=True)
    assert listening not in proxy.answers


async def test_an_unreachable_server_is_an_error(server: FakeServer, state: Path):
    await server.stop()
    async with host(environment(server.url, state)) as proxy:
        answer = await proxy.request("subscriptions/listen", {"notifications": WANTED}, modern=True)
        assert answer["error"]["message"].startswith("AMB-5001 ")


async def test_a_server_without_subscriptions_is_reported_after_a_restart(server: FakeServer, proxy: Host):
    listening = proxy.start_request("subscriptions/listen", {"notifications": WANTED}, modern=True)
    await proxy.until(lambda: methods(proxy) == [ACKNOWLEDGED])
    told = SubscriptionsAcknowledgedNotification.model_validate(proxy.notifications[0])
    assert told.params.notifications.model_dump(by_alias=True, exclude_none=True) == {
        "toolsListChanged": True
    }
    assert "result" in await proxy.call("echo", modern=True)
    await server.stop()
    assert "error" in await proxy.call("echo", modern=True)
    await server.start()
    await proxy.until(lambda: methods(proxy) == [ACKNOWLEDGED, CHANGED])
    assert proxy.notifications[1]["params"] == {"_meta": {ID_KEY: listening}}
    assert await proxy.leave() == 0
    assert listening not in proxy.answers
