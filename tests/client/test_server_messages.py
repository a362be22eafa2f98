"""What the server says and asks: on the stream of a call, on the server's own stream, and the host's answers back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from mcp_types import methods

from tests.client.fake_server import FakeServer, running_server
from tests.client.host import Host, environment, host

QUESTIONS: dict[str, dict[str, Any]] = {
    "elicitation/create": {"message": "Which one?", "requestedSchema": {"type": "object", "properties": {}}},
    "sampling/createMessage": {"messages": [], "maxTokens": 10**20},
    "roots/list": {},
    "somebody/else": {"x": [None, 1.5e300, "é\u2028"]},
}


async def asked(proxy: Host, number: int = 1) -> list[dict[str, Any]]:
    await proxy.until(lambda: len([note for note in proxy.notifications if "id" in note]) >= number)
    return [note for note in proxy.notifications if "id" in note]


@pytest.mark.parametrize("keeps_hosts", [False, True])
@pytest.mark.parametrize("method", QUESTIONS)
async def test_a_question_on_the_stream_of_a_call_is_answered(
    server: FakeServer, proxy: Host, method: str, keeps_hosts: bool
):
    server.keeps_hosts = keeps_hosts
    await proxy.initialize()
    question = {"method": method, "params": QUESTIONS[method]}
    call = proxy.start_request("tools/call", {"name": "ask", "arguments": question})
    (found,) = await asked(proxy)
    assert found == {"jsonrpc": "2.0", "id": f"q-{call}", **question}
    proxy.send({"jsonrpc": "2.0", "id": found["id"], "result": {"said": "yes", "big": 10**30}})
    result = (await proxy.answer(call))["result"]
    assert result["structuredContent"] == {"result": {"said": "yes", "big": 10**30}}


async def test_a_question_may_be_refused(server: FakeServer, proxy: Host):
    await proxy.initialize()
    call = proxy.start_request("tools/call", {"name": "ask", "arguments": {"method": "roots/list"}})
    (found,) = await asked(proxy)
    refused = {"code": -32601, "message": "no roots"}
    proxy.send({"jsonrpc": "2.0", "id": found["id"], "error": refused})
    assert (await proxy.answer(call))["result"]["structuredContent"] == {"error": refused}


async def test_answers_pass_the_calls_that_wait_for_them(server: FakeServer, proxy: Host):
    """Every connection for calls is taken by a call that waits for an answer of the host."""
    await proxy.initialize()
    calls = [
        proxy.start_request("tools/call", {"name": "ask", "arguments": {"method": "roots/list"}})
        for _ in range(64)
    ]
    for found in await asked(proxy, 64):
        proxy.send({"jsonrpc": "2.0", "id": found["id"], "result": {}})
    for call in calls:
        assert "result" in await proxy.answer(call)


async def test_the_host_has_a_session_at_a_server_that_keeps_them(server: FakeServer, proxy: Host):
    server.keeps_hosts = True
    await proxy.initialize("2025-11-25")
    assert "result" in await proxy.call("echo")
    assert [hello["params"]["clientInfo"]["name"] for hello in server.hosts.values()] == ["host"]
    calls = [call for call in server.calls if call.message["method"] != "initialize"]
    assert {call.headers.get("Mcp-Session-Id") for call in calls} == {"host-1"}
    modern = await proxy.call("echo", modern=True)
    assert "result" in modern
    assert "Mcp-Session-Id" not in server.calls[-1].headers


async def test_a_session_the_server_lost_is_opened_again_and_the_call_sent_again(
    server: FakeServer, proxy: Host
):
    server.keeps_hosts = True
    await proxy.initialize()
    await proxy.call("echo")
    server.hosts = {"host-1-is-gone": {}}
    ids = [proxy.start_request("tools/call", {"name": "echo", "arguments": {"n": n}}) for n in range(20)]
    for number in ids:
        assert "result" in await proxy.answer(number)
    assert list(server.hosts) == ["host-1-is-gone", "host-2"]
    initialized = [call for call in server.calls if call.message["method"] == "notifications/initialized"]
    assert initialized[-1].headers["Mcp-Session-Id"] == "host-2"


async def test_a_server_that_cannot_take_the_host_yet_is_asked_again(server: FakeServer, proxy: Host):
    async def busy(_: FakeServer, __: object, ___: object) -> web.Response:
        return web.json_response({"message": "Starting"}, status=503, headers={"Retry-After": "3"})

    server.keeps_hosts = True
    server.methods["initialize"] = busy
    await proxy.initialize()
    error = (await proxy.call("echo"))["error"]
    assert error["message"] == "AMB-1008 Starting. Try again in 3 s."
    del server.methods["initialize"]
    assert "result" in await proxy.call("echo")
    assert len(server.hosts) == 1


@pytest.mark.parametrize("given", ["a b", "é", "x" * 2000])
async def test_a_session_id_no_header_can_carry_is_none(server: FakeServer, proxy: Host, given: str):
    async def odd(_: FakeServer, message: dict[str, Any], __: object) -> web.Response:
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": {}}
        return web.json_response(answer, headers={"Mcp-Session-Id": given})

    server.methods["initialize"] = odd
    await proxy.initialize()
    assert "result" in await proxy.call("echo")
    assert "Mcp-Session-Id" not in server.calls[-1].headers


async def test_a_new_session_with_the_server_is_told_of_the_host_again(server: FakeServer, proxy: Host):
    await proxy.initialize()
    await proxy.call("echo")
    server.forget_sessions()
    assert "result" in await proxy.call("echo")
    assert "result" in await proxy.call("echo")
    methods = [call.message["method"] for call in server.calls]
    assert methods.count("initialize") == 2


PASSED_ON = [
    pair for pair in methods.CLIENT_REQUESTS if pair[0] not in ("initialize", "server/discover", "ping")
]


@pytest.mark.parametrize("version", methods.KNOWN_PROTOCOL_VERSIONS)
async def test_every_request_of_every_version_passes(server: FakeServer, proxy: Host, version: str):
    async def serve(_: FakeServer, message: dict[str, Any], __: object) -> dict[str, Any]:
        return {"you": message["method"]}

    asked = [method for method, wanted in PASSED_ON if wanted == version and method != "subscriptions/listen"]
    assert "tools/call" in asked
    server.methods.update(dict.fromkeys([*asked, "no/spec/knows"], serve))
    modern = version == "2026-07-28"
    if not modern:
        await proxy.initialize(version)
    for method in [*asked, "no/spec/knows"]:
        params = {"name": "echo", "uri": "a://é", "arguments": {}}
        result = (await proxy.request(method, params, modern=modern))["result"]
        assert method == "tools/call" or result["you"] == method
        assert server.calls[-1].headers["MCP-Protocol-Version"] == version
    assert len([call for call in server.calls if "id" in call.message]) == len(asked) + 1 + (not modern)


@pytest.mark.parametrize("version", methods.KNOWN_PROTOCOL_VERSIONS[:-1])
async def test_every_notification_of_the_host_passes(server: FakeServer, proxy: Host, version: str):
    sent = [method for method, wanted in methods.CLIENT_NOTIFICATIONS if wanted == version]
    sent.remove("notifications/cancelled")
    await proxy.initialize(version)
    for method in sent[1:]:
        proxy.notify(method, {"x": version})
    await server.until(lambda: {call.message["method"] for call in server.calls} == {"initialize", *sent})


@pytest.mark.parametrize("version", methods.KNOWN_PROTOCOL_VERSIONS[:-1])
async def test_every_request_and_notification_of_the_server_passes(
    talkative: FakeServer, state: Path, version: str
):
    async with host(environment(talkative.url, state)) as proxy:
        await proxy.initialize(version)
        await talkative.until(lambda: len(talkative.listeners) == 1)
        notes = [method for method, wanted in methods.SERVER_NOTIFICATIONS if wanted == version]
        asks = [method for method, wanted in methods.SERVER_REQUESTS if wanted == version]
        said = [{"jsonrpc": "2.0", "method": method, "params": {"x": version}} for method in notes]
        said += [{"jsonrpc": "2.0", "id": method, "method": method} for method in asks]
        for message in said:
            await talkative.say(message)
        await proxy.until(lambda: len(proxy.notifications) == len(said))
        assert proxy.notifications == said
        for method in asks:
            proxy.send({"jsonrpc": "2.0", "id": method, "result": {}})
        await talkative.until(lambda: set(asks) <= talkative.told.keys())


@pytest.fixture
async def talkative() -> Any:
    async with running_server(offers_stream=True) as running:
        yield running


async def test_what_the_server_says_unasked_reaches_the_host(talkative: FakeServer, state: Path):
    talkative.keeps_hosts = True
    async with host(environment(talkative.url, state)) as proxy:
        await proxy.initialize()
        await talkative.until(lambda: len(talkative.listeners) == 1)
        headers = talkative.listened[0].headers
        assert headers["Accept"] == "text/event-stream"
        assert headers["Mcp-Session-Id"] == "host-1"
        assert headers["MCP-Protocol-Version"] == "2025-06-18"
        await talkative.say(
            {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "a"}}
        )
        await talkative.say({"jsonrpc": "2.0", "id": 7, "method": "roots/list"})
        (found,) = await asked(proxy)
        assert [note["method"] for note in proxy.notifications] == [
            "notifications/resources/updated",
            "roots/list",
        ]
        proxy.send({"jsonrpc": "2.0", "id": found["id"], "result": {"roots": []}})
        await talkative.until(lambda: 7 in talkative.told)
        assert await proxy.leave() == 0
        assert len(talkative.disconnected) == 1


async def test_a_stream_that_is_cut_is_opened_again_where_it_ended(talkative: FakeServer, state: Path):
    async with host(environment(talkative.url, state)) as proxy:
        await proxy.initialize()
        await talkative.until(lambda: len(talkative.listeners) == 1)
        await talkative.say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}, "e-1")
        await proxy.until(lambda: len(proxy.notifications) == 1)
        transport = talkative.listeners[0]._req.transport  # type: ignore[union-attr]
        transport.abort()
        await talkative.until(lambda: len(talkative.listened) == 2 and len(talkative.listeners) == 1)
        assert talkative.listened[1].headers["Last-Event-ID"] == "e-1"
        await talkative.say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}, "e-2")
        await proxy.until(lambda: len(proxy.notifications) == 2)
        assert proxy.errors == ""


async def test_an_answer_in_several_streams_is_put_together(server: FakeServer, proxy: Host):
    await proxy.initialize()
    ids = [proxy.start_request("tools/call", {"name": "parts"}) for _ in range(10)]
    for number in ids:
        assert (await proxy.answer(number))["result"] == {"content": []}
    assert len(proxy.notifications) == 10
    assert len([call for call in server.calls if call.message["method"] == "tools/call"]) == 10


async def test_an_answer_that_nobody_goes_on_with_is_an_error(server: FakeServer, proxy: Host):
    await proxy.initialize()
    number = proxy.start_request("tools/call", {"name": "parts"})
    await server.until(lambda: len(server.unfinished) == 2)
    server.unfinished.clear()
    assert (await proxy.answer(number))["error"]["message"].startswith(
        "AMB-5005 the server's answer ended early."
    )


async def test_a_server_without_a_stream_is_asked_once(server: FakeServer, proxy: Host):
    await proxy.initialize()
    for _ in range(5):
        await proxy.call("echo")
    assert proxy.errors == ""
    assert server.refused_streams == 1


async def test_a_host_of_the_stateless_era_has_no_such_stream(talkative: FakeServer, state: Path):
    async with host(environment(talkative.url, state)) as proxy:
        assert "result" in await proxy.call("echo", modern=True)
        assert "result" in await proxy.call("echo", modern=True)
        assert talkative.listened == []
        assert all(call.message["method"] == "tools/call" for call in talkative.calls)


async def test_progress_of_many_calls_comes_before_the_answer_of_each(server: FakeServer, proxy: Host):
    ids = [proxy.start_request("tools/call", {"name": "progress"}, modern=True) for _ in range(20)]
    await asyncio.gather(*(proxy.answer(number) for number in ids))
    assert len(proxy.notifications) == 20
    seen = 0
    for line in proxy.lines:
        seen += 1 if b"progressToken" in line else -1
        assert seen >= 0
