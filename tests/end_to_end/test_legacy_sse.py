"""`GET /sse` and `POST /messages` for hosts that know only the HTTP+SSE of 2024-11-05."""

import asyncio
import json
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import mcp_types as types
import pytest
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.sse import sse_client

from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.faces import LEGACY
from tests.end_to_end.raw_http import head
from tests.end_to_end.world import Caller, Downstream, World, assert_nothing_internal, running, until
from tests.node import node, packages
from tests.patience import PATIENCE
from tests.rig import Rig

BRIDGE = "mcp-remote@0.15.1"
YES = {"action": "accept", "content": {"sure": True}}


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    limits = {**GENEROUS, "unread_seconds": 1}
    with running(directory, prepared, limits=limits, legacy_sse=True, drain_seconds=20) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


@pytest.fixture
def caller(world: World) -> Caller:
    return world.caller()


@dataclass
class SseHost:
    """A host with an open stream."""

    caller: Caller
    events: Iterator[tuple[str, str]]
    path: str = ""

    def post(self, message: Any, *, by: Caller | None = None) -> httpx.Response:
        secret = (by or self.caller).secret
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        body = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
        return self.caller.http.post(self.path, content=body, headers=headers)

    def call(self, tool: str, number: Any = 7, **arguments: Any) -> None:
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": number}}
        assert self.post({"id": number, "method": "tools/call", "params": params}).status_code == 202

    def next(self) -> dict[str, Any]:
        name, data = next(self.events)
        assert name == "message"
        message: dict[str, Any] = json.loads(data)
        return message

    def initialize(self, **capabilities: Any) -> dict[str, Any]:
        params = {
            "protocolVersion": "2024-11-05",
            "capabilities": capabilities,
            "clientInfo": {"name": "old", "version": "1"},
        }
        assert self.post({"id": 0, "method": "initialize", "params": params}).status_code == 202
        result: dict[str, Any] = self.next()["result"]
        assert self.post({"method": "notifications/initialized"}).status_code == 202
        return result


def events(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    name = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, value


@contextmanager
def stream(caller: Caller) -> Iterator[SseHost]:
    with caller.http.stream("GET", "/sse", headers={"Authorization": f"Bearer {caller.secret}"}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream"
        host = SseHost(caller, events(answer))
        name, host.path = next(host.events)
        assert name == "endpoint"
        assert host.path.startswith("/messages?session_id=")
        yield host


def test_an_old_host_lists_calls_and_is_asked(caller: Caller) -> None:
    with stream(caller) as host:
        assert host.initialize(elicitation={})["protocolVersion"] == "2024-11-05"
        assert host.post({"id": "l", "method": "tools/list"}).text == "Accepted"
        assert "tools__echo" in [tool["name"] for tool in host.next()["result"]["tools"]]
        host.call("tools__echo", text="grüße")
        assert host.next()["result"]["content"][0]["text"] == "grüße"
        host.call("tools__progress", number="p", steps=2)
        told = [host.next() for _ in range(3)]
        assert [each.get("params", {}).get("progress") for each in told] == [1, 2, None]
        host.call("tools__confirm")
        question = host.next()
        assert question["method"] == "elicitation/create"
        assert host.post({"id": question["id"], "result": YES}).status_code == 202
        assert host.next()["result"]["structuredContent"]["answers"] == [YES]
        assert host.post({"id": 1, "method": "no/such/method"}).status_code == 202
        assert host.next()["error"]["code"] == -32601


async def _use_the_sdk(url: str, secret: str) -> None:
    asked: list[str] = []

    async def answer(_: Any, question: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(question.message)
        return types.ElicitResult(action="accept", content={"sure": True})

    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        asyncio.timeout(PATIENCE),
        sse_client(f"{url}/sse", headers=headers) as (reader, writer),
        ClientSession(reader, writer, elicitation_callback=answer) as session,
    ):
        await session.initialize()
        assert "tools__echo" in [tool.name for tool in (await session.list_tools()).tools]
        texts = await asyncio.gather(
            *(session.call_tool("tools__echo", {"text": str(number)}) for number in range(30))
        )
        assert [each.content[0].text for each in texts] == [str(number) for number in range(30)]  # type: ignore[union-attr]
        confirmed = await session.call_tool("tools__confirm", {"rounds": 2})
        assert confirmed.structured_content is not None
        assert len(confirmed.structured_content["answers"]) == 2
        assert asked == ["tools asks: Delete it (1)?", "tools asks: Delete it (2)?"]
        await session.send_ping()


def test_the_sdk_works_as_an_old_host(world: World, caller: Caller) -> None:
    asyncio.run(_use_the_sdk(world.rig.client_url, caller.secret))
    asyncio.run(_use_the_sdk(world.rig.client_url, world.person().key))


async def _use_a_bridge(world: World, secret: str, directory: Path) -> None:
    script = packages(BRIDGE) / "node_modules/mcp-remote/dist/proxy.js"
    flags = ["--transport", "sse-only", "--allow-http", "--header", f"Authorization:Bearer {secret}"]
    bridge = StdioServerParameters(
        command=str(node()),
        args=[str(script), f"{world.rig.client_url}/sse", *flags],
        env={"HOME": str(directory), "PATH": os.environ["PATH"]},
    )
    async with asyncio.timeout(PATIENCE), Client(bridge, mode="legacy") as host:
        assert "tools__echo" in [tool.name for tool in (await host.list_tools()).tools]
        answer = await host.call_tool("tools__echo", {"text": "grüße"})
        assert isinstance(answer.content[0], types.TextContent)
        assert answer.content[0].text == "grüße"


def test_a_foreign_bridge_works_as_an_old_host(world: World, tmp_path: Path) -> None:
    asyncio.run(_use_a_bridge(world, world.person().key, tmp_path))


def test_both_routes_demand_authentication(world: World, caller: Caller) -> None:
    for wrong in ({}, {"X-Session-Token": "amb_st_wrong"}, {"Authorization": f"Bearer amb_pk_{'x' * 48}"}):
        headers: dict[str, str] = wrong
        assert caller.http.get("/sse", headers=headers).status_code == 401
        assert caller.http.post("/messages?session_id=x", headers=headers, json={}).status_code == 401


def test_a_stream_takes_messages_of_its_own_principal_alone(world: World, tools: Downstream) -> None:
    person = world.person()
    owner, neighbour, stranger = world.session(person), world.session(person), world.caller()
    key = Caller(world.http, person.key)
    before = tools.count()
    with stream(owner) as host:
        host.initialize()
        call = {"id": 1, "method": "tools/call", "params": {"name": "tools__echo", "arguments": {}}}
        for other in (neighbour, stranger, key):
            refused = host.post(call, by=other)
            assert refused.status_code == 404
            assert_nothing_internal(refused.text)
        assert tools.count() == before
        host.call("tools__echo", text="mine")
        assert host.next()["result"]["content"][0]["text"] == "mine"
    until(lambda: host.post(call).status_code == 404, "the stream has ended")


@pytest.mark.parametrize("session_id", ["", "x", "x" * 5000, "%00", "../../etc", "é"])
def test_an_unknown_stream_is_refused(caller: Caller, session_id: str) -> None:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    answer = caller.http.post(f"/messages?session_id={session_id}", headers=headers, json={})
    assert answer.status_code == 404
    assert caller.http.post("/messages", headers=headers, json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{not json", 400),
        (b'{"jsonrpc":"2.0"}', 400),
        (b'{"jsonrpc":"2.0","id":"never-asked","result":{}}', 400),
        (b"[" * 60_000, 400),
        (b"x" * 70_000, 413),
    ],
)
def test_a_malformed_message_is_refused_where_it_was_posted(caller: Caller, body: bytes, status: int) -> None:
    with stream(caller) as host:
        host.initialize()
        refused = host.post(body)
        assert refused.status_code == status
        assert_nothing_internal(refused.text)
        host.call("tools__echo", text="still here")
        assert host.next()["result"]["content"][0]["text"] == "still here"


def test_other_media_types_and_methods_are_refused(caller: Caller) -> None:
    headers = {"Authorization": f"Bearer {caller.secret}"}
    with stream(caller) as host:
        assert caller.http.post(host.path, headers=headers, content=b"{}").status_code == 415
        assert caller.http.get(host.path, headers=headers).status_code == 405
        assert caller.http.head("/sse", headers=headers).status_code == 405
        assert caller.http.post("/sse", headers=headers, json={}).status_code == 405
        origin = {"Origin": "https://evil.example"}
        assert caller.http.post(host.path, headers=headers | origin, json={}).status_code == 403


def cancelled(caller: Caller) -> int:
    return int(caller.call(LEGACY, "tools__cancelled").text)


def test_a_posted_cancellation_and_the_end_of_the_stream_cancel_calls(
    caller: Caller, tools: Downstream
) -> None:
    before, arrived = cancelled(caller), tools.count()
    with stream(caller) as host:
        host.initialize()
        host.call("tools__slow", number="s", seconds=600)
        until(lambda: tools.count() == arrived + 1, "the call is downstream")
        host.post({"method": "notifications/cancelled", "params": {"requestId": "s"}})
        until(lambda: cancelled(caller) == before + 1, "it is cancelled")
        arrived = tools.count()
        host.call("tools__slow", number="t", seconds=600)
        until(lambda: tools.count() == arrived + 1, "the next call is downstream")
    until(lambda: cancelled(caller) == before + 2, "the end of the stream cancels")


def test_an_old_host_is_told_of_changes(world: World) -> None:
    group = world.group()
    caller = world.session(world.person(group))
    with stream(caller) as host:
        host.initialize()
        assert host.post({"id": 1, "method": "tools/list"}).status_code == 202
        assert host.next()["result"]["tools"] == []
        world.ask("POST", "grants", {"group": group, "mcp": "tools"})
        assert host.next()["method"] == "notifications/tools/list_changed"
        host.call("tools__echo", text="new")
        assert host.next()["result"]["content"][0]["text"] == "new"


def test_too_many_streams_and_messages_are_refused(world: World, tools: Downstream) -> None:
    person = world.person()
    caller = Caller(
        httpx.Client(base_url=world.rig.client_url, timeout=PATIENCE, limits=httpx.Limits()), person.key
    )
    with ExitStack() as opened:
        opened.callback(caller.http.close)
        hosts = [opened.enter_context(stream(caller)) for _ in range(100)]
        headers = {"Authorization": f"Bearer {caller.secret}"}
        assert caller.http.get("/sse", headers=headers).status_code == 503
        # The streams of another key are not affected.
        with stream(world.caller()) as other:
            other.initialize()
        host = hosts[0]
        host.initialize()
        arrived = tools.count()
        for number in range(64):
            host.call("tools__slow", number=number, seconds=600)
        refused = host.post({"id": 64, "method": "ping"})
        assert refused.status_code == 503
        until(lambda: tools.count() == arrived + 64, "the calls are downstream")
        hosts[1].initialize()
    with stream(world.session(person)) as again:
        again.initialize()


def test_a_host_that_does_not_read_is_cut_off(world: World, caller: Caller) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", world.rig.ports["port"]))
        connection.sendall(head("GET", "/sse", {"Authorization": f"Bearer {caller.secret}"}))
        read = b""
        while b"\n\n" not in read.partition(b"session_id=")[2]:
            read += connection.recv(4096)
        path = read.decode().partition("event: endpoint\ndata: ")[2].split()[0]
        host = SseHost(caller, iter(()), path)
        params = {"name": "tools__big", "arguments": {"megabytes": 10}}
        host.post({"id": 1, "method": "tools/call", "params": params})
        until(lambda: host.post({"method": "notifications/x"}).status_code == 404, "the stream has ended")
        assert select.select([connection], [], [], PATIENCE)[0]
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_the_stream_of_an_ended_session_ends(world: World, caller: Caller) -> None:
    with stream(caller) as host:
        host.initialize()
        world.ask("POST", f"sessions/{caller.session_id}/revoke")
        assert host.post({"id": 1, "method": "ping"}).status_code == 401
        assert next(host.events, None) is None


def test_at_the_shutdown_running_calls_are_answered_and_the_streams_end(
    world: World, caller: Caller, tools: Downstream
) -> None:
    with stream(caller) as host, stream(caller) as idle:
        host.initialize()
        arrived = tools.count()
        host.call("tools__slow", seconds=1)
        until(lambda: tools.count() == arrived + 1, "the call is downstream")
        assert world.rig.process is not None
        world.rig.process.send_signal(signal.SIGTERM)
        assert next(idle.events, None) is None
        assert host.next()["result"]["content"][0]["text"] == "awake"
        assert next(host.events, None) is None
        assert world.rig.process.wait(timeout=PATIENCE) == 0
    world.rig.process = None


def test_by_default_both_routes_do_not_exist(tmp_path: Path, prepared: Rig) -> None:
    with running(tmp_path, prepared) as started:
        caller = started.caller()
        headers = {"Authorization": f"Bearer {caller.secret}"}
        assert caller.http.get("/sse", headers=headers).status_code == 404
        assert caller.http.post("/messages?session_id=x", headers=headers, json={}).status_code == 404
