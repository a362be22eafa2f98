"""The relay as a process with pipes: local answers, and messages to and from the server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ambassador_client.proxy.local_responses import EMPTY_RESULTS
from ambassador_client.proxy.relay import Relay
from ambassador_client.proxy.session import Session
from ambassador_client.proxy.stdio import Output
from ambassador_protocol import __version__
from ambassador_protocol.mcp import CLIENT_FEATURES
from tests.client.fake_server import FakeServer
from tests.client.host import MODERN, Host


async def test_initialize_returns_a_known_version(proxy: Host):
    result = (await proxy.initialize("2024-11-05"))["result"]
    assert result["protocolVersion"] == "2024-11-05"
    assert result["capabilities"] == CLIENT_FEATURES
    assert result["serverInfo"]["name"] == "mcp-ambassador"


async def test_initialize_offers_the_latest_legacy_version_for_an_unknown_one(proxy: Host):
    for asked in ("2026-07-28", "1999-01-01"):
        assert (await proxy.initialize(asked))["result"]["protocolVersion"] == "2025-11-25"


async def test_discover_names_the_modern_version(proxy: Host):
    result = (await proxy.request("server/discover", modern=True))["result"]
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == ["2026-07-28"]
    assert result["capabilities"] == CLIENT_FEATURES
    assert result["cacheScope"] == "private"
    assert result["ttlMs"] >= 0
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "mcp-ambassador"


async def test_discover_in_an_unknown_version_lists_the_supported_ones(proxy: Host):
    meta = {**MODERN, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    error = (await proxy.request("server/discover", {"_meta": meta}))["error"]
    assert error["code"] == -32022
    assert error["data"] == {"supported": ["2026-07-28"], "requested": "2099-01-01"}


async def test_ping_is_answered_in_both_eras(proxy: Host):
    assert (await proxy.request("ping"))["result"] == {}
    assert (await proxy.request("ping", modern=True))["result"] == {"resultType": "complete"}


async def test_one_message_is_one_request_with_the_same_bytes(server: FakeServer, proxy: Host):
    await proxy.initialize("2025-03-26")
    line = (
        b'{"id" : "a-1",  "jsonrpc":"2.0","method":"tools/call", "params":{"name":"echo","arguments":'
        b'{"big":123456789012345678901234567890,"e":1e2,"text":"\xc3\xa9\\u00e9 \xf0\x9f\x90\x8d"},"x-unknown":null}}'
    )
    proxy.send_line(line + b"\r")
    answer = await proxy.answer("a-1")
    assert json.loads(answer["result"]["content"][0]["text"])["big"] == 123456789012345678901234567890
    calls = [call for call in server.calls if call.message.get("id") == "a-1"]
    assert [call.body for call in calls] == [line]
    headers = calls[0].headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept"] == "application/json, text/event-stream"
    assert headers["X-Session-Token"] in server.sessions
    assert headers["X-Ambassador-Client"] == __version__
    assert headers["MCP-Protocol-Version"] == "2025-03-26"
    assert "Mcp-Method" not in headers
    assert "Mcp-Name" not in headers


async def test_a_modern_message_is_repeated_in_headers(server: FakeServer, proxy: Host):
    answer = await proxy.call("echo", {"a": 1}, modern=True)
    assert answer["result"]["resultType"] == "complete"
    headers = server.calls[-1].headers
    assert headers["MCP-Protocol-Version"] == "2026-07-28"
    assert headers["Mcp-Method"] == "tools/call"
    assert headers["Mcp-Name"] == "echo"


async def test_a_name_invalid_in_headers_is_encoded(server: FakeServer, proxy: Host):
    await proxy.call("écho\r\nX-Evil: 1", modern=True)
    headers = server.calls[-1].headers
    assert headers["Mcp-Name"] == "=?base64?w6ljaG8NClgtRXZpbDogMQ==?="
    assert "X-Evil" not in headers


async def test_a_version_invalid_in_headers_injects_nothing(server: FakeServer, proxy: Host):
    meta = {**MODERN, "io.modelcontextprotocol/protocolVersion": "x\r\nX-Evil: 1"}
    proxy.notify("notifications/progress", {"_meta": meta})
    await server.until(lambda: len(server.calls) == 1)
    headers = server.calls[-1].headers
    assert headers["MCP-Protocol-Version"].startswith("=?base64?")
    assert "X-Evil" not in headers


async def test_an_unpaired_surrogate_in_a_name_is_refused(proxy: Host):
    proxy.send_line(
        b'{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"\\ud800","_meta":'
        b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
    )
    assert (await proxy.answer(9))["error"]["code"] == -32602


async def test_a_request_in_an_unknown_version_never_reaches_the_server(server: FakeServer, proxy: Host):
    for version in ("2099-01-01", "2025-11-25", ""):
        meta = {**MODERN, "io.modelcontextprotocol/protocolVersion": version}
        for method in ("tools/list", "tools/call", "ping", "subscriptions/listen", "unknown/method"):
            error = (await proxy.request(method, {"_meta": meta, "name": "echo"}))["error"]
            assert error["code"] == -32022
            assert error["data"] == {"supported": ["2026-07-28"], "requested": version}
    assert "result" in await proxy.call("echo", modern=True)
    assert len(server.calls) == 1


async def test_both_eras_work_on_one_pipe(proxy: Host):
    await proxy.initialize()
    assert "resultType" not in (await proxy.request("tools/list"))["result"]
    assert (await proxy.request("tools/list", modern=True))["result"]["resultType"] == "complete"


async def test_answers_arrive_in_the_order_of_completion(server: FakeServer, proxy: Host):
    slow = proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": 1}})
    await server.until(lambda: server.running == 1)
    assert "result" in await proxy.call("echo")
    assert slow not in proxy.answers
    server.release.set()
    assert (await proxy.answer(slow))["result"]["content"][0]["text"] == '{"n": 1}'


async def test_a_hundred_requests_share_sixty_four_connections(server: FakeServer, proxy: Host):
    ids = [proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": n}}) for n in range(100)]
    await server.until(lambda: server.running == 64)
    server.release.set()
    texts = [(await proxy.answer(number))["result"]["content"][0]["text"] for number in ids]
    assert texts == [f'{{"n": {n}}}' for n in range(100)]
    assert len(server.connections) <= 64


async def test_connections_are_reused(server: FakeServer, proxy: Host):
    for _ in range(10):
        await proxy.call("echo")
    assert len(server.connections) == 1


async def test_an_event_stream_becomes_lines(server: FakeServer, proxy: Host):
    server.use_events = True
    answer = await proxy.call("echo", {"text": "line\nbreak"})
    assert answer["result"]["content"][0]["text"] == '{"text": "line\\nbreak"}'
    assert all(line.count(b"\n") == 1 for line in proxy.lines)


async def test_notifications_on_a_stream_arrive_before_the_answer(proxy: Host):
    answer = await proxy.call("progress", modern=True)
    assert answer["result"]["content"][0]["text"] == "done"
    assert [note["method"] for note in proxy.notifications] == ["notifications/progress"]
    assert [b"progressToken" in line for line in proxy.lines] == [True, False]


async def test_a_stream_that_ends_early_is_an_error(proxy: Host):
    error = (await proxy.call("cut"))["error"]
    assert error["message"].startswith("AMB-5005 the server's answer ended early.")


async def test_notifications_are_forwarded_and_not_answered(server: FakeServer, proxy: Host):
    await proxy.initialize()
    proxy.notify("notifications/roots/list_changed")
    await server.until(lambda: len(server.calls) >= 3)
    methods = {call.message["method"] for call in server.calls}
    assert methods == {"initialize", "notifications/initialized", "notifications/roots/list_changed"}
    await proxy.request("ping")
    assert len(proxy.lines) == 2


async def test_a_response_of_the_host_is_forwarded(server: FakeServer, proxy: Host):
    await proxy.initialize()
    response = {"jsonrpc": "2.0", "id": "from-server", "result": {"roots": []}}
    proxy.send(response)
    await server.until(lambda: any(call.message == response for call in server.calls))


async def test_a_cancelled_legacy_request_is_dropped_and_the_server_notified(server: FakeServer, proxy: Host):
    await proxy.initialize()
    slow = proxy.start_request("tools/call", {"name": "wait", "arguments": {}})
    await server.until(lambda: server.running == 1)
    proxy.notify("notifications/cancelled", {"requestId": slow})
    await server.until(lambda: server.cancelled == 1)
    await server.until(lambda: server.calls[-1].message["method"] == "notifications/cancelled")
    server.release.set()
    await proxy.call("echo")
    assert slow not in proxy.answers


async def test_a_cancelled_modern_request_only_closes_its_stream(server: FakeServer, proxy: Host):
    slow = proxy.start_request("tools/call", {"name": "wait", "arguments": {}}, modern=True)
    await server.until(lambda: server.running == 1)
    proxy.notify("notifications/cancelled", {"requestId": slow})
    await server.until(lambda: server.cancelled == 1)
    await proxy.call("echo", modern=True)
    assert slow not in proxy.answers
    assert [call.message["method"] for call in server.calls] == ["tools/call", "tools/call"]


async def test_an_unknown_cancellation_is_ignored(server: FakeServer, proxy: Host):
    for wrong in (99, "99", None, True, [1]):
        proxy.notify("notifications/cancelled", {"requestId": wrong})
    assert "result" in await proxy.call("echo")
    assert [call.message["method"] for call in server.calls] == ["tools/call"]


async def test_an_id_can_be_reused_after_cancellation(server: FakeServer, proxy: Host):
    proxy.send(
        {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": {"name": "wait", "arguments": {}}}
    )
    await server.until(lambda: server.running == 1)
    proxy.notify("notifications/cancelled", {"requestId": "x"})
    proxy.send({"jsonrpc": "2.0", "id": "x", "method": "tools/list"})
    assert "tools" in (await proxy.answer("x"))["result"]


async def test_empty_and_zero_ids_are_valid(proxy: Host):
    for number in (0, "", "0", -1, 2**70):
        proxy.send({"jsonrpc": "2.0", "id": number, "method": "tools/list"})
        assert "tools" in (await proxy.answer(number))["result"]


async def test_an_id_in_use_is_refused(server: FakeServer, proxy: Host):
    slow = proxy.start_request("tools/call", {"name": "wait", "arguments": {}})
    await server.until(lambda: server.running == 1)
    proxy.send({"jsonrpc": "2.0", "id": slow, "method": "tools/list"})
    assert (await proxy.answer(slow))["error"]["code"] == -32600


async def test_a_message_of_many_megabytes_is_relayed(proxy: Host):
    text = "é" * (4 << 20)
    answer = await proxy.call("echo", {"text": text})
    assert json.loads(answer["result"]["content"][0]["text"]) == {"text": text}


async def test_a_line_above_the_limit_is_refused_and_the_next_one_answered(proxy: Host):
    proxy.send_line(b'{"jsonrpc":"2.0","id":1,"method":"ping","x":"' + b"x" * (65 << 20) + b'"}')
    error = (await proxy.answer(1))["error"]
    assert error["code"] == -31007
    assert error["message"] == "AMB-1004 a line is longer than 64 MB and was dropped. Send less at once."
    proxy.answers.clear()
    proxy.send_line(b'{"jsonrpc":"2.0","x":"' + b"x" * (65 << 20) + b'","y":[]}')
    assert (await proxy.answer(None))["error"]["code"] == -31007
    assert (await proxy.request("ping"))["result"] == {}


async def test_the_number_of_open_requests_is_limited(server: FakeServer, proxy: Host):
    for number in range(1024):
        proxy.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "wait"}})
    proxy.send({"jsonrpc": "2.0", "id": "last", "method": "tools/list"})
    error = (await proxy.answer("last"))["error"]
    assert error["code"] == -31008
    assert error["message"].startswith("AMB-1010 ")
    assert (await proxy.request("ping"))["result"] == {}


async def test_an_internal_error_is_answered(tmp_path: Path):
    async def fail() -> Session:
        raise RuntimeError("a mistake")

    said: list[str] = []
    path = tmp_path / "out"
    with path.open("wb") as file:
        output = await Output.open(file.fileno())
        relay = Relay(output, asyncio.create_task(fail()), report=said.append)
        await relay.run(frames(b'{"jsonrpc":"2.0","id":0,"method":"tools/list"}'))
        await relay.finish(5)
        await output.flush()
    assert json.loads(path.read_bytes())["error"] == {
        "code": -32603,
        "message": "AMB-1000 the client failed.",
    }
    assert said == ["AMB-1000 RuntimeError in the relay. Please report it."]


async def frames(*lines: bytes) -> AsyncIterator[bytes]:
    for line in lines:
        yield line


async def test_invalid_lines_get_an_error_response(proxy: Host):
    wrong = {
        b"rubbish": -32700,
        b'{"jsonrpc":"2.0","id":1,': -32700,
        b"\xff\xfe\x00": -32700,
        b"[" * 100_000: -32700,
        b"[]": -32600,
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]': -32600,
        b"1": -32600,
        b"{}": -32600,
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}': -32600,
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}': -32600,
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}': -32600,
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}': -32600,
    }
    for line, code in wrong.items():
        proxy.answers.clear()
        proxy.send_line(line)
        answer = await proxy.answer(None)
        assert answer["error"]["code"] == code, line
    proxy.send_line(b'{"jsonrpc":"2.0","id":7,"method":7}')
    assert (await proxy.answer(7))["error"]["code"] == -32600
    proxy.send_line(b"\n\r\n  \n")
    assert (await proxy.request("ping"))["result"] == {}


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("method", EMPTY_RESULTS)
async def test_methods_missing_at_the_server_return_empty_results(proxy: Host, method: str, modern: bool):
    """Some hosts call the method although it is not declared."""
    result = (await proxy.request(method, modern=modern))["result"]
    assert EMPTY_RESULTS[method].items() <= result.items()
    assert ("resultType" in result) == modern


@pytest.mark.parametrize("modern", [False, True])
async def test_results_of_the_server_are_unchanged(server: FakeServer, proxy: Host, modern: bool):
    async def serve(_: FakeServer, message: dict[str, Any], __: object) -> dict[str, Any]:
        return {"you": message["method"], "sent": message["params"].get("x"), "resultType": "complete"}

    methods = ["prompts/list", "prompts/get", "resources/list", "resources/read", "resources/subscribe"]
    methods += ["completion/complete", "logging/setLevel", "tasks/get", "unknown/method"]
    server.methods.update(dict.fromkeys(methods, serve))
    for method in methods:
        params = {"name": "n", "uri": "x://é", "x": [1, None]}
        answer = await proxy.request(method, params, modern=modern)
        assert answer["result"] == {"you": method, "sent": [1, None], "resultType": "complete"}


async def test_errors_of_the_server_are_unchanged(proxy: Host):
    answer = await proxy.request("no/such/method", modern=True)
    assert answer["error"] == {"code": -32601, "message": "Method not found"}


async def raw(proxy: Host, status: int, body: object, kind: str = "application/json", **headers: str):
    text = body if isinstance(body, str) else json.dumps(body)
    return await proxy.call("raw", {"status": status, "body": text, "type": kind, "headers": headers})


async def test_an_error_without_id_gets_the_id_of_its_request(proxy: Host):
    error = {"code": -32600, "message": "cannot read it", "data": {"why": 1}}
    answer = await raw(proxy, 400, {"jsonrpc": "2.0", "id": None, "error": error})
    assert answer["error"] == error


async def test_problem_documents_become_errors_with_the_servers_text(proxy: Host):
    expected = {401: -31005, 403: -31001, 413: -31007, 429: -31008, 500: -32603, 502: -31004, 503: -31008}
    for status, code in expected.items():
        body = {"code": "AMB-9999", "message": "It is \u001b[31mso", "request_id": "r-7", "hint": "Do this."}
        error = (await raw(proxy, status, body, "application/problem+json"))["error"]
        assert error == {
            "code": code,
            "message": "AMB-9999 It is [31mso. Do this.",
            "data": {"code": "AMB-9999", "request_id": "r-7"},
        }


async def test_the_flat_errors_of_the_original_are_understood(proxy: Host):
    error = (await raw(proxy, 429, {"error": "rate_limit_exceeded", "message": "Slow down"}))["error"]
    assert (
        error["message"]
        == "AMB-2003 Slow down. Try again later; if it happens again, tell your administrator."
    )
    error = (await raw(proxy, 503, {"message": "Busy"}, **{"Retry-After": "7"}))["error"]
    assert error["message"] == "AMB-1008 Busy. Try again in 7 s."


async def test_an_invalid_answer_is_an_error(proxy: Host):
    wrong = [
        (200, "<html>Sign in</html>", "text/html"),
        (200, "{", "application/json"),
        (200, "[]", "application/json"),
        (200, {"jsonrpc": "2.0", "id": "another", "result": {}}, "application/json"),
        (200, {"ok": True}, "application/json"),
        (302, "moved", "text/html"),
        (202, "", "application/json"),
        (502, "<html>Bad gateway</html>", "text/html"),
    ]
    for status, body, kind in wrong:
        error = (await raw(proxy, status, body, kind))["error"]
        assert error["message"].startswith("AMB-5005 "), error
    assert "result" in await proxy.call("echo")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, "<html>Bad gateway</html>", "text/html"),
        (504, "", "text/plain"),
        (500, "{}", "application/json"),
        (200, "{", "application/json"),
    ],
)
async def test_a_call_that_a_gateway_answers_may_have_run(proxy: Host, status: int, body: str, kind: str):
    error = (await raw(proxy, status, body, kind))["error"]
    assert "may have run" in error["message"], error


async def test_a_call_is_not_repeated_after_its_connection_broke(server: FakeServer, proxy: Host):
    await proxy.call("echo")
    error = (await proxy.call("drop"))["error"]
    assert error["code"] == -31004
    assert "may have run" in error["message"]
    assert [call.message["params"]["name"] for call in server.calls] == ["echo", "drop"]
    assert "result" in await proxy.call("echo")
