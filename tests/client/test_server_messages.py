"""Messages from the server on call streams and on its own stream, and the host's answers to its questions."""

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
    "unknown/method": {"x": [None, 1.5e300, "é\u2028"]},
}


async def asked(proxy: Host, number: int = 1) -> list[dict[str, Any]]:
    await proxy.until(lambda: len([note for note in proxy.notifications if "id" in note]) >= number)
    return [note for note in proxy.notifications if "id" in note]


@pytest.mark.parametrize("issues_sessions", [False, True])
@pytest.mark.parametrize("method", QUESTIONS)
async def test_a_question_on_a_call_stream_is_answered_by_the_host(
    server: FakeServer, proxy: Host, method: str, issues_sessions: bool
):
    server.issues_sessions = issues_sessions
    await proxy.initialize()
    question = {"method": method, "params": QUESTIONS[method]}
    call = proxy.start_request("tools/call", {"name": "ask", "arguments": question})
    (found,) = await asked(proxy)
    assert found == {"jsonrpc": "2.0", "id": f"q-{call}", **question}
    proxy.send({"jsonrpc": "2.0", "id": found["id"], "result": {"said": "yes", "big": 10**30}})
    result = (await proxy.answer(call))["result"]
    assert result["structuredContent"] == {"result": {"said": "yes", "big": 10**30}}


async def test_the_host_may_refuse_a_question(server: FakeServer, proxy: Host):
    await proxy.initialize()
    call = proxy.start_request("tools/call", {"name": "ask", "arguments": {"method": "roots/list"}})
    (found,) = await asked(proxy)
    refused = {"code": -32601, "message": "no roots"}
    proxy.send({"jsonrpc": "2.0", "id": found["id"], "error": refused})
    assert (await proxy.answer(call))["result"]["structuredContent"] == {"error": refused}


async def test_answers_to_questions_are_sent_before_queued_calls(server: FakeServer, proxy: Host):
    """All call connections are occupied by calls that wait for an answer of the host."""
    await proxy.initialize()
    calls = [
        proxy.start_request("tools/call", {"name": "ask", "arguments": {"method": "roots/list"}})
        for _ in range(64)
    ]
    for found in await asked(proxy, 64):
        proxy.send({"jsonrpc": "2.0", "id": found["id"], "result": {}})
    for call in calls:
        assert "result" in await proxy.answer(call)


async def test_the_server_session_id_is_sent_with_every_message(server: FakeServer, proxy: Host):
    server.issues_sessions = True
    await proxy.initialize("2025-11-25")
    assert "result" in await proxy.call("echo")
    assert [hello["params"]["clientInfo"]["name"] for hello in server.hosts.values()] == ["host"]
    calls = [call for call in server.calls if call.message["method"] != "initialize"]
    assert {call.headers.get("Mcp-Session-Id") for call in calls} == {"host-1"}
    modern = await proxy.call("echo", modern=True)
    assert "result" in modern
    assert "Mcp-Session-Id" not in server.calls[-1].headers


async def test_a_lost_conversation_is_reopened_and_the_call_repeated(server: FakeServer, proxy: Host):
    server.issues_sessions = True
    await proxy.initialize()
    await proxy.call("echo")
    server.hosts = {"host-1-is-gone": {}}
    ids = [proxy.start_request("tools/call", {"name": "echo", "arguments": {"n": n}}) for n in range(20)]
    for number in ids:
        assert "result" in await proxy.answer(number)
    assert list(server.hosts) == ["host-1-is-gone", "host-2"]
    initialized = [call for call in server.calls if call.message["method"] == "notifications/initialized"]
    assert initialized[-1].headers["Mcp-Session-Id"] == "host-2"


async def test_the_handshake_is_repeated_after_a_temporary_refusal(server: FakeServer, proxy: Host):
    async def busy(_: FakeServer, __: object, ___: object) -> web.Response:
        return web.json_response({"message": "Starting"}, status=503, headers={"Retry-After": "3"})

    server.issues_sessions = True
    server.methods["initialize"] = busy
    await proxy.initialize()
    error = (await proxy.call("echo"))["error"]
    assert error["message"] == "AMB-1008 Starting. Try again in 3 s."
    del server.methods["initialize"]
    assert "result" in await proxy.call("echo")
    assert len(server.hosts) == 1


@pytest.mark.parametrize("given", ["a b", "é", "x" * 2000])
async def test_an_invalid_session_id_is_ignored(server: FakeServer, proxy: Host, given: str):
    async def odd(_: FakeServer, message: dict[str, Any], __: object) -> web.Response:
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": {}}
        return web.json_response(answer, headers={"Mcp-Session-Id": given})

    server.methods["initialize"] = odd
    await proxy.initialize()
    assert "result" in await proxy.call("echo")
    assert "Mcp-Session-Id" not in server.calls[-1].headers


async def test_the_handshake_is_repeated_in_a_new_session(server: FakeServer, proxy: Host):
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
async def test_every_request_of_every_version_is_forwarded(server: FakeServer, proxy: Host, version: str):
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
async def test_every_notification_of_the_host_is_forwarded(server: FakeServer, proxy: Host, version: str):
    sent = [method for method, wanted in methods.CLIENT_NOTIFICATIONS if wanted == version]
    sent.remove("notifications/cancelled")
    await proxy.initialize(version)
    for method in sent[1:]:
        proxy.notify(method, {"x": version})
    await server.until(lambda: {call.message["method"] for call in server.calls} == {"initialize", *sent})


@pytest.mark.parametrize("version", methods.KNOWN_PROTOCOL_VERSIONS[:-1])
async def test_every_request_and_notification_of_the_server_is_forwarded(
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
        await talkative.until(lambda: set(asks) <= talkative.responses.keys())


@pytest.fixture
async def talkative() -> Any:
    async with running_server(offers_stream=True) as running:
        yield running


async def test_messages_on_the_servers_own_stream_reach_the_host(talkative: FakeServer, state: Path):
    talkative.issues_sessions = True
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
        await talkative.until(lambda: 7 in talkative.responses)
        assert await proxy.leave() == 0
        assert len(talkative.disconnected) == 1


async def test_a_broken_stream_is_resumed_from_the_last_event(talkative: FakeServer, state: Path):
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


async def test_an_answer_across_several_streams_is_resumed(server: FakeServer, proxy: Host):
    await proxy.initialize()
    ids = [proxy.start_request("tools/call", {"name": "parts"}) for _ in range(10)]
    for number in ids:
        assert (await proxy.answer(number))["result"] == {"content": []}
    assert len(proxy.notifications) == 10
    assert len([call for call in server.calls if call.message["method"] == "tools/call"]) == 10


async def test_an_answer_that_is_never_resumed_is_an_error(server: FakeServer, proxy: Host):
    await proxy.initialize()
    number = proxy.start_request("tools/call", {"name": "parts"})
    await server.until(lambda: len(server.unfinished) == 2)
    server.unfinished.clear()
    assert (await proxy.answer(number))["error"]["message"].startswith(
        "AMB-5005 the server's answer ended early."
    )


async def test_a_server_without_its_own_stream_is_asked_once(server: FakeServer, proxy: Host):
    await proxy.initialize()
    for _ in range(5):
        await proxy.call("echo")
    assert proxy.errors == ""
    assert server.refused_streams == 1


async def test_a_modern_host_opens_no_server_stream(talkative: FakeServer, state: Path):
    async with host(environment(talkative.url, state)) as proxy:
        assert "result" in await proxy.call("echo", modern=True)
        assert "result" in await proxy.call("echo", modern=True)
        assert talkative.listened == []
        assert all(call.message["method"] == "tools/call" for call in talkative.calls)


async def test_progress_of_each_call_arrives_before_its_answer(server: FakeServer, proxy: Host):
    ids = [proxy.start_request("tools/call", {"name": "progress"}, modern=True) for _ in range(20)]
    await asyncio.gather(*(proxy.answer(number) for number in ids))
    assert len(proxy.notifications) == 20
    seen = 0
    for line in proxy.lines:
        seen += 1 if b"progressToken" in line else -1
        assert seen >= 0
