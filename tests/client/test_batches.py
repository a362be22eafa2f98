"""Batches of 2025-03-26: each message is served as if it were alone, and the answers are one array."""

import json

from tests.client.fake_server import FakeServer
from tests.client.host import Host


async def test_a_batch_is_answered_as_one_array(server: FakeServer, proxy: Host):
    await proxy.initialize("2025-03-26")
    echo = {"name": "echo", "arguments": {"n": 1}}
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": echo},
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
        {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        {"jsonrpc": "2.0", "id": 3, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}},
        {"jsonrpc": "2.0", "id": 4, "method": "no/such/method"},
        {"jsonrpc": "2.0", "id": 4, "method": "no/such/method"},
        {"id": 5},
    ]
    proxy.send_line(b" \t" + json.dumps(batch).encode())
    await proxy.until(lambda: proxy.batches)
    (answers,) = proxy.batches
    assert [answer["id"] for answer in answers] == ["a", 2, 3, 4, 4, None]
    assert json.loads(answers[0]["result"]["content"][0]["text"]) == {"n": 1}
    assert answers[1]["result"] == {}
    assert [answer["error"]["code"] for answer in answers[2:]] == [-32600, -32601, -32600, -32600]
    # Each message is one request to the server.
    await server.until(
        lambda: "notifications/progress" in [call.message.get("method") for call in server.calls]
    )


async def test_a_cancelled_request_of_a_batch_gets_no_answer_and_holds_up_no_other(
    server: FakeServer, proxy: Host
):
    await proxy.initialize("2025-03-26")
    proxy.send_line(
        b'[{"jsonrpc":"2.0","id":"stuck","method":"tools/call","params":{"name":"wait"}},'
        b'{"jsonrpc":"2.0","id":"quick","method":"ping"}]'
    )
    await server.until(lambda: server.running == 1)
    assert proxy.batches == []
    proxy.notify("notifications/cancelled", {"requestId": "stuck"})
    await proxy.until(lambda: proxy.batches)
    assert proxy.batches == [[{"jsonrpc": "2.0", "id": "quick", "result": {}}]]


async def test_a_batch_of_notifications_gets_no_answer_and_one_too_long_an_error(proxy: Host):
    await proxy.initialize("2025-03-26")
    notice = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{}}'
    proxy.send_line(b"[" + b",".join([notice] * 3) + b"]")
    proxy.send_line(b"[" + b",".join([b'{"jsonrpc":"2.0","id":1,"method":"ping"}'] * 101) + b"]")
    await proxy.until(lambda: None in proxy.answers)
    assert proxy.answers[None]["error"]["message"] == "A batch holds at most 100 messages."
    assert proxy.batches == []


async def test_a_batch_in_another_revision_is_refused(proxy: Host):
    await proxy.initialize("2025-06-18")
    proxy.send_line(b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]')
    await proxy.until(lambda: None in proxy.answers)
    assert proxy.answers[None]["error"]["code"] == -32600
