"""Half-open connections: their requests time out, and other requests continue."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.client.fake_server import FakeServer, running_server
from tests.client.faulty_network import FaultyNetwork, faulty_network
from tests.client.host import environment, host
from tests.client.in_process_relay import relay_in_process

SILENCE = 0.8
CHANGED = "notifications/tools/list_changed"


@pytest.fixture
async def network(server: FakeServer) -> AsyncIterator[FaultyNetwork]:
    async with faulty_network(server.port) as network:
        yield network


def called(server: FakeServer) -> list[Any]:
    """Return the arguments of the calls that reached the server."""
    messages = [call.message for call in server.calls]
    return [message["params"]["arguments"]["n"] for message in messages if message["method"] == "tools/call"]


def assert_given_up(answer: dict[str, Any]) -> None:
    """Check that the error says that the call may have run."""
    error = answer["error"]
    assert error["code"] == -31004
    assert f"gave no answer within {SILENCE:g} s" in error["message"]
    assert "may have run" in error["message"]


@pytest.mark.parametrize("use_events", [False, True])
@pytest.mark.parametrize("number", [0, 40, 260])
async def test_an_answer_that_stops_at_any_byte_times_out(
    server: FakeServer, network: FaultyNetwork, number: int, use_events: bool
):
    """It stops before its first byte, in its head, in its body or in its stream."""
    server.use_events = use_events
    async with relay_in_process(network.url, answer=SILENCE) as proxy:
        assert "result" in await proxy.call("echo", {"n": 1})
        assert len(network.links) == 1
        network.stall() if number == 0 else network.stop_answers_after(number)
        assert_given_up(await proxy.call("echo", {"n": 2, "text": "x" * 1000}))
        assert "result" in await proxy.call("echo", {"n": 3})
    # Sent once: either answered or written to the stalled connection.
    assert called(server) == ([1, 3] if number == 0 else [1, 2, 3])


async def test_one_dead_connection_closes_all_idle_ones(server: FakeServer, network: FaultyNetwork):
    """The server vanishes without closing its idle connections."""
    async with relay_in_process(network.url, answer=SILENCE) as proxy:
        many = [proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": 0}}) for _ in range(8)]
        await server.until(lambda: server.running == len(many))
        server.release.set()
        for number in many:
            assert "result" in await proxy.answer(number)
        network.stall()
        assert_given_up(await proxy.call("echo", {"n": 1}))
        for n in range(2, 10):
            assert "result" in await proxy.call("echo", {"n": n})
    assert called(server)[len(many) :] == list(range(2, 10))


async def test_stalled_calls_do_not_block_other_calls(
    server: FakeServer, network: FaultyNetwork, state: Path
):
    """With the real time limits: stalled calls delay neither other calls nor the exit."""
    async with host(environment(network.url, state)) as proxy:
        await proxy.initialize()
        hanging = [
            proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": n}}) for n in range(60)
        ]
        await server.until(lambda: server.running == len(hanging))
        network.stall()
        server.release.set()
        for _ in range(10):
            assert "result" in await proxy.call("echo", {"n": 1})
        assert "result" in await proxy.request("tools/list")
        # The host cancels some, which frees their connections.
        for number in hanging[:30]:
            proxy.notify("notifications/cancelled", {"requestId": number})
        more = [proxy.start_request("tools/call", {"name": "echo", "arguments": {"n": 2}}) for _ in range(30)]
        for number in more:
            assert "result" in await proxy.answer(number)
        assert not set(hanging) & proxy.answers.keys()
        network.resume()
        for number in hanging[30:]:
            assert "result" in await proxy.answer(number), "late, and not lost"
        assert not set(hanging[:30]) & proxy.answers.keys()
        network.stall()
        assert await proxy.leave() == 0


async def test_heartbeats_detect_the_loss_and_return_of_the_server(
    server: FakeServer, network: FaultyNetwork
):
    async with relay_in_process(
        network.url, heartbeat_seconds=0.05, control=SILENCE, answer=SILENCE
    ) as proxy:
        await proxy.initialize()
        assert "result" in await proxy.call("echo", {"n": 1})
        running = proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": 2}})
        await server.until(lambda: server.running == 1)
        network.stall()
        assert_given_up(await proxy.answer(running))
        await proxy.until(lambda: CHANGED in [note["method"] for note in proxy.notifications])
        assert "result" in await proxy.call("echo", {"n": 3})
    assert called(server) == [1, 2, 3]
    assert len(server.registrations) == 1


async def test_a_stalled_server_stream_is_resumed_from_the_last_event():
    async with (
        running_server(offers_stream=True) as server,
        faulty_network(server.port) as network,
        relay_in_process(network.url, answer=SILENCE) as proxy,
    ):
        await proxy.initialize()
        await server.until(lambda: len(server.listeners) == 1)
        await server.say(note("before"), "e-1")
        await proxy.until(lambda: proxy.notifications == [note("before")])
        network.stall()
        await server.until(lambda: len(server.listeners) == 2)
        assert server.listened[1].headers["Last-Event-ID"] == "e-1"
        await server.say(note("after"), "e-2")
        await proxy.until(lambda: len(proxy.notifications) == 2)
        assert proxy.notifications[1] == note("after")
        assert proxy.errors == ""


def note(text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": text}}


async def test_only_a_sent_call_is_reported_as_possibly_run(server: FakeServer):
    """The connection breaks already during the handshake."""

    async def cut(_: FakeServer, __: object, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.methods["initialize"] = cut
    async with relay_in_process(server.url) as proxy:
        await proxy.initialize()
        error = (await proxy.call("echo", {"n": 1}))["error"]
        assert error["code"] == -31004
        assert "broke before the answer was complete" in error["message"]
        assert "may have run" not in error["message"]
        assert called(server) == []
        del server.methods["initialize"]
        assert "result" in await proxy.call("echo", {"n": 2})
        error = (await proxy.call("drop", {"n": 3}))["error"]
        assert "may have run" in error["message"]
    assert called(server) == [2, 3]


async def test_an_interrupted_list_is_not_reported_as_possibly_run(server: FakeServer):
    async def end(_: FakeServer, __: object, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        return response

    server.methods["tools/list"] = end
    async with relay_in_process(server.url) as proxy:
        error = (await proxy.request("tools/list"))["error"]
        assert "ended early" in error["message"]
        assert "Try again" in error["message"]
        assert "may have run" not in error["message"]
        error = (await proxy.call("cut"))["error"]
        assert "ended early" in error["message"]
        assert "may have run" in error["message"]


async def test_a_server_that_never_answers_is_unreachable(state: Path):
    """It accepts connections and never answers: each request gets an error, and the exit is not delayed."""
    taken = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with relay_in_process(f"http://127.0.0.1:{port}", control=SILENCE) as proxy:
            assert "result" in await proxy.initialize()
            assert "result" in await proxy.request("server/discover", modern=True)
            ids = [proxy.start_request("tools/call", {"name": "echo"}) for _ in range(20)]
            for number in ids:
                error = (await proxy.answer(number))["error"]
                assert error["code"] == -31004
                assert f"gave no answer within {SILENCE:g} s" in error["message"]
                assert "may have run" not in error["message"], "it was never sent"
        assert taken.is_set()
