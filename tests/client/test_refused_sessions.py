"""Many calls refused with 401: they share one new session, and a server that refuses all sessions is not flooded."""

import asyncio
import math

import pytest

from tests.client.fake_server import KEY, FakeServer
from tests.client.host import Host

STORMS = 5
CALLS = 100
CONNECTIONS = 64
VAIN = 3
CHANGED = "notifications/tools/list_changed"


@pytest.mark.parametrize("modern", [False, True])
async def test_many_calls_with_an_ended_session_share_one_new_session(
    server: FakeServer, proxy: Host, modern: bool
):
    if not modern:
        await proxy.initialize()
    await proxy.call("echo", modern=modern)
    for storm in range(1, STORMS + 1):
        calls = len(server.calls)
        server.forget_sessions()
        ids = [
            proxy.start_request("tools/call", {"name": "echo", "arguments": {"n": n}}, modern=modern)
            for n in range(CALLS)
        ]
        for number in ids:
            assert "result" in await proxy.answer(number)
        assert len(server.registrations) == 1 + storm
        ran = [
            call.message["params"]["arguments"]["n"]
            for call in server.calls[calls:]
            if call.message["method"] == "tools/call"
        ]
        assert sorted(ran) == list(range(CALLS))
    assert proxy.errors == ""


async def test_running_calls_are_answered_when_their_session_ends(server: FakeServer, proxy: Host):
    """Calls at the server continue; calls that wait for a connection use the new session."""
    ids = [proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": n}}) for n in range(CALLS)]
    await server.until(lambda: server.running == CONNECTIONS)
    server.forget_sessions()
    server.release.set()
    for number in ids:
        assert "result" in await proxy.answer(number)
    assert len(server.registrations) == 2
    assert len(server.calls) == CALLS


async def test_a_server_that_refuses_every_session_is_not_flooded(server: FakeServer, proxy: Host):
    loop = asyncio.get_running_loop()
    begun = loop.time()
    server.tokens_work = False
    await proxy.initialize()
    ids = [proxy.start_request("tools/call", {"name": "echo", "arguments": {}}) for _ in range(CALLS)]
    for number in ids:
        assert (await proxy.answer(number))["error"]["code"] == -31005
    asked = server.requests.count("POST /mcp")
    for _ in range(CALLS):
        error = (await proxy.call("echo"))["error"]
        assert error["code"] == -31005
        assert error["message"].startswith("AMB-2002 The session is not valid. Ask")
    sessions = len(server.registrations)
    # The first three at once, the others after pauses that double, starting with one second.
    assert sessions <= VAIN + math.log2(loop.time() - begun + 1)
    assert server.requests.count("POST /mcp") - asked <= 4 * sessions, (
        "a call without a session asks for nothing"
    )

    server.tokens_work = True
    heard = len(proxy.notifications)
    await proxy.until(lambda: CHANGED in [note["method"] for note in proxy.notifications[heard:]])
    assert "result" in await proxy.call("echo")
    server.forget_sessions()
    assert "result" in await proxy.call("echo"), "the session is accepted again"
    assert KEY not in proxy.errors
