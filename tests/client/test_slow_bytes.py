"""Slow transfers: requests and answers in single bytes, and hosts that do not read."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.client.fake_server import FakeServer
from tests.client.faulty_network import FaultyNetwork, faulty_network
from tests.client.host import environment, host
from tests.client.in_process_relay import relay_in_process
from tests.patience import PATIENCE

CHANGED = "notifications/tools/list_changed"
ANSWER_BYTES = 1 << 19
CONNECTIONS = 64
UNREAD_BYTES = 16 << 20
SILENCE = 1.5
SLOW_SECONDS = 0.02


@pytest.fixture
async def network(server: FakeServer) -> AsyncIterator[FaultyNetwork]:
    async with faulty_network(server.port) as network:
        yield network


@pytest.mark.parametrize("use_events", [False, True])
async def test_messages_in_single_bytes_are_complete(
    server: FakeServer, network: FaultyNetwork, state: Path, use_events: bool
):
    network.packet_bytes = 1
    server.use_events = use_events
    async with host(environment(network.url, state)) as proxy:
        await proxy.initialize()
        arguments = [{"text": "é\n" * 200, "n": n} for n in range(8)]
        ids = [
            proxy.start_request("tools/call", {"name": "echo", "arguments": each}, modern=each["n"] in (0, 5))
            for each in arguments
        ]
        for number, sent in zip(ids, arguments, strict=True):
            answer = await proxy.answer(number)
            assert json.loads(answer["result"]["content"][0]["text"]) == sent
        assert await proxy.leave() == 0
    assert len(server.disconnected) == 1
    assert len(server.registrations) == 1


async def byte_by_byte(_: FakeServer, message: dict[str, Any], request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": {"contents": [{"uri": "a", "text": "x" * 50}]}}
    for byte in json.dumps(answer).encode():
        await response.write(bytes([byte]))
        await asyncio.sleep(SLOW_SECONDS)
    await response.write_eof()
    return response


async def test_the_timeout_applies_to_each_pause_of_an_answer(server: FakeServer):
    """While bytes arrive, the answer does not time out."""
    server.methods["resources/read"] = byte_by_byte
    async with relay_in_process(server.url, answer=SILENCE) as proxy:
        begun = asyncio.get_running_loop().time()
        slow = proxy.start_request("resources/read", {"uri": "a"})
        assert "result" in await proxy.call("echo", {})
        assert slow not in proxy.answers
        assert "result" in await proxy.answer(slow)
        assert asyncio.get_running_loop().time() - begun > SILENCE


async def test_the_timeout_applies_to_a_whole_control_request(network: FaultyNetwork):
    """A registration answer in single bytes times out although it never pauses."""
    network.packet_bytes, network.pause = 1, 0.1
    async with relay_in_process(network.url, control=1.0) as proxy:
        await proxy.initialize()
        error = (await proxy.call("echo", {}))["error"]
        assert error["code"] == -31004
        assert "gave no answer within 1 s" in error["message"]
        network.packet_bytes = None
        await proxy.until(lambda: CHANGED in [note["method"] for note in proxy.notifications])
        assert "result" in await proxy.call("echo", {})


async def test_a_slow_upload_does_not_block_other_calls(
    server: FakeServer, network: FaultyNetwork, state: Path
):
    async with host(environment(network.url, state)) as proxy:
        assert "result" in await proxy.call("echo", {})
        (first,) = network.links
        network.slow_down(1, 0.1)
        text = "x" * 4000
        large = proxy.start_request("tools/call", {"name": "echo", "arguments": {"text": text}})
        for n in range(20):
            assert "result" in await proxy.call("echo", {"n": n})
        assert large not in proxy.answers
        assert first.packet_bytes == 1, "it is still on its way"
        network.slow_down(None, 0)
        assert json.loads((await proxy.answer(large))["result"]["content"][0]["text"]) == {"text": text}
        assert len(network.links) == 2
    assert len(server.calls) == 22


async def some_bytes(server: FakeServer, message: dict[str, Any], _: object) -> dict[str, Any]:
    return {"contents": [{"uri": message["params"]["uri"], "text": "x" * ANSWER_BYTES}]}


def asked_for(server: FakeServer, uri: str) -> int:
    """Return how many of these calls have reached the server."""
    return sum(call.message["params"].get("uri") == uri for call in server.calls)


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory a process had stands in /proc")
async def test_a_slow_host_uses_limited_memory_and_loses_nothing(server: FakeServer, state: Path):
    """The host requests 150 MB of answers and reads none; the proxy fetches only what it may buffer."""
    wanted = 300
    server.methods["resources/read"] = some_bytes
    env = environment(server.url, state)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ambassador_client",
        "proxy",
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 16,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = '{"jsonrpc":"2.0","id":%d,"method":"resources/read","params":{"uri":"a"}}\n'
    process.stdin.write("".join(line % number for number in range(wanted)).encode())
    async with host(env) as another:
        # Until the reading host has all its answers, the other had time to fetch too much.
        for number in [another.start_request("resources/read", {"uri": "b"}) for _ in range(wanted)]:
            assert "result" in await another.answer(number)
    most = CONNECTIONS + UNREAD_BYTES // ANSWER_BYTES
    assert CONNECTIONS <= asked_for(server, "a") <= most + 4
    numbers: list[int] = []
    async with asyncio.timeout(PATIENCE):
        rest = b""
        while len(numbers) < wanted:
            *lines, rest = (rest + await process.stdout.read(1 << 20)).split(b"\n")
            numbers += [json.loads(each)["id"] for each in lines]
        status = await asyncio.to_thread(Path(f"/proc/{process.pid}/status").read_text)
        process.stdin.close()
        assert await process.stdout.read() == b""
        assert await process.wait() == 0
    assert sorted(numbers) == list(range(wanted))
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    print(f"{peak >> 20} MB at most for {wanted * ANSWER_BYTES >> 20} MB of answers")
    assert peak < wanted * ANSWER_BYTES
