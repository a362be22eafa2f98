"""Connections that are open and lead nowhere: what was asked on them is answered in time, and the rest goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.client.fake_server import FakeServer, running_server
from tests.client.faulty_network import BadNetwork, bad_network
from tests.client.host import environment, host
from tests.client.in_process_relay import inside

SILENCE = 0.8
CHANGED = "notifications/tools/list_changed"


@pytest.fixture
async def network(server: FakeServer) -> AsyncIterator[BadNetwork]:
    async with bad_network(server.port) as standing:
        yield standing


def called(server: FakeServer) -> list[Any]:
    """Return what the calls that reached the server said."""
    messages = [call.message for call in server.calls]
    return [message["params"]["arguments"]["n"] for message in messages if message["method"] == "tools/call"]


def assert_given_up(answer: dict[str, Any]) -> None:
    """The error says what happened and that the call may have run."""
    error = answer["error"]
    assert error["code"] == -31004
    assert f"gave no answer within {SILENCE:g} s" in error["message"]
    assert "may have run" in error["message"]


@pytest.mark.parametrize("use_events", [False, True])
@pytest.mark.parametrize("number", [0, 40, 260])
async def test_an_answer_that_stops_anywhere_is_given_up(
    server: FakeServer, network: BadNetwork, number: int, use_events: bool
):
    """Before its first byte, in the middle of its head, and of its body or its stream; the connection stays open."""
    server.use_events = use_events
    async with inside(network.url, answer=SILENCE) as proxy:
        assert "result" in await proxy.call("echo", {"n": 1})
        assert len(network.passages) == 1
        network.vanish() if number == 0 else network.stop_answers_after(number)
        assert_given_up(await proxy.call("echo", {"n": 2, "text": "x" * 1000}))
        assert "result" in await proxy.call("echo", {"n": 3})
    # It was written to a connection that leads nowhere, or was answered: either way it was sent once.
    assert called(server) == ([1, 3] if number == 0 else [1, 2, 3])


async def test_one_dead_connection_is_enough_to_leave_all(server: FakeServer, network: BadNetwork):
    """The machine behind the addresses is gone without a word, with every connection that waits for a call."""
    async with inside(network.url, answer=SILENCE) as proxy:
        many = [proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": 0}}) for _ in range(8)]
        await server.until(lambda: server.running == len(many))
        server.release.set()
        for number in many:
            assert "result" in await proxy.answer(number)
        network.vanish()
        assert_given_up(await proxy.call("echo", {"n": 1}))
        for n in range(2, 10):
            assert "result" in await proxy.call("echo", {"n": n})
    assert called(server)[len(many) :] == list(range(2, 10))


async def test_calls_are_answered_beside_those_that_get_no_answer(
    server: FakeServer, network: BadNetwork, state: Path
):
    """The times are the real ones here: what hangs, hangs for minutes, and holds up neither calls nor the end."""
    async with host(environment(network.url, state)) as proxy:
        await proxy.initialize()
        hanging = [
            proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": n}}) for n in range(60)
        ]
        await server.until(lambda: server.running == len(hanging))
        network.vanish()
        server.release.set()
        for _ in range(10):
            assert "result" in await proxy.call("echo", {"n": 1})
        assert "result" in await proxy.request("tools/list")
        # The host gives some up, and their places are free.
        for number in hanging[:30]:
            proxy.notify("notifications/cancelled", {"requestId": number})
        more = [proxy.start_request("tools/call", {"name": "echo", "arguments": {"n": 2}}) for _ in range(30)]
        for number in more:
            assert "result" in await proxy.answer(number)
        assert not set(hanging) & proxy.answers.keys()
        network.come_back()
        for number in hanging[30:]:
            assert "result" in await proxy.answer(number), "late, and not lost"
        assert not set(hanging[:30]) & proxy.answers.keys()
        network.vanish()
        assert await proxy.leave() == 0


async def test_a_heartbeat_without_an_answer_finds_the_server_away_and_back(
    server: FakeServer, network: BadNetwork
):
    async with inside(network.url, heartbeat_seconds=0.05, control=SILENCE, answer=SILENCE) as proxy:
        await proxy.initialize()
        assert "result" in await proxy.call("echo", {"n": 1})
        running = proxy.start_request("tools/call", {"name": "wait", "arguments": {"n": 2}})
        await server.until(lambda: server.running == 1)
        network.vanish()
        assert_given_up(await proxy.answer(running))
        await proxy.until(lambda: CHANGED in [note["method"] for note in proxy.notifications])
        assert "result" in await proxy.call("echo", {"n": 3})
    assert called(server) == [1, 2, 3]
    assert len(server.registrations) == 1


async def test_a_stream_of_the_servers_own_that_leads_nowhere_is_opened_again_where_it_ended():
    async with (
        running_server(offers_stream=True) as server,
        bad_network(server.port) as network,
        inside(network.url, answer=SILENCE) as proxy,
    ):
        await proxy.initialize()
        await server.until(lambda: len(server.listeners) == 1)
        await server.say(note("before"), "e-1")
        await proxy.until(lambda: proxy.notifications == [note("before")])
        network.vanish()
        await server.until(lambda: len(server.listeners) == 2)
        assert server.listened[1].headers["Last-Event-ID"] == "e-1"
        await server.say(note("after"), "e-2")
        await proxy.until(lambda: len(proxy.notifications) == 2)
        assert proxy.notifications[1] == note("after")
        assert proxy.errors == ""


def note(text: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": text}}


async def test_only_a_call_that_was_sent_is_said_to_have_perhaps_run(server: FakeServer):
    """What breaks here first is the handshake before it."""

    async def cut(_: FakeServer, __: object, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.methods["initialize"] = cut
    async with inside(server.url) as proxy:
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


async def test_a_list_whose_stream_ended_is_not_said_to_have_run(server: FakeServer):
    async def end(_: FakeServer, __: object, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        return response

    server.methods["tools/list"] = end
    async with inside(server.url) as proxy:
        error = (await proxy.request("tools/list"))["error"]
        assert "ended early" in error["message"]
        assert "Try again" in error["message"]
        assert "may have run" not in error["message"]
        error = (await proxy.call("cut"))["error"]
        assert "ended early" in error["message"]
        assert "may have run" in error["message"]


async def test_a_server_that_only_listens_is_away(state: Path):
    """It takes connections and never says a word: each request of the host is answered, and the end is not held."""
    taken = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        async with inside(f"http://127.0.0.1:{port}", control=SILENCE) as proxy:
            assert "result" in await proxy.initialize()
            assert "result" in await proxy.request("server/discover", modern=True)
            ids = [proxy.start_request("tools/call", {"name": "echo"}) for _ in range(20)]
            for number in ids:
                error = (await proxy.answer(number))["error"]
                assert error["code"] == -31004
                assert f"gave no answer within {SILENCE:g} s" in error["message"]
                assert "may have run" not in error["message"], "it was never sent"
        assert taken.is_set()
