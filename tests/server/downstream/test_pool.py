"""The pool follows the catalog, survives outages, and lets no downstream wait for another."""

import asyncio
import socket
from dataclasses import replace

import pytest

from ambassador_server.domain.catalog.mcps import DownstreamStatus
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.errors import DownstreamUnavailableError, InvalidInputError
from ambassador_server.ports.downstream import DownstreamChange, Downstreams
from tests.fakes.downstream import FakeDownstreams, make_tool
from tests.fakes.mcp_servers import stdio_options
from tests.fakes.mcp_servers.http_server import HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.support import (
    PATIENCE,
    QUICK,
    Bench,
    bench,
    children,
    entry,
    http_entry,
    tool_call,
    until_childless,
)

PATIENT = replace(QUICK, first_retry=600.0, longest_retry=600.0)
"""A back-off that outlasts every test, in which a call may start an attempt at any time."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def test_the_pool_and_its_fake_implement_the_port():
    pool: Downstreams = DownstreamPool()
    fake: Downstreams = FakeDownstreams()
    assert pool.state("x") == fake.state("x")
    assert pool.state("x").status is DownstreamStatus.STOPPED


async def test_applying_the_same_entries_again_changes_nothing():
    async with bench(entry()) as box:
        before = children()
        box.pool.apply([replace(entry(), options=dict(entry().options))])
        assert await box.text("echo", text="same") == "same"
        assert children() == before
        assert len(box.listener.changes) == 1


async def test_a_new_name_is_used_without_a_restart():
    async with bench(entry()) as box:
        before = children()
        box.pool.apply([replace(entry(), name="renamed")])
        with pytest.raises(DownstreamUnavailableError, match=r"^renamed: exited"):
            await box.call("crash")
        assert before


async def test_changed_options_restart_the_downstream_and_keep_its_tools_meanwhile():
    async with bench(entry()) as box:
        before = children()
        tools = box.pool.state("m1").tools
        call = asyncio.ensure_future(box.call("slow", seconds=600))
        await box.text("echo", text="it is sent")
        box.pool.apply([entry(options=stdio_options(env={"COLOUR": "blue"}))])
        state = box.pool.state("m1")
        assert (state.status, state.tools) == (DownstreamStatus.STARTING, tools)
        seen = await box.call("env")
        assert b'"COLOUR": "blue"' in (seen.result or b"")
        with pytest.raises(DownstreamUnavailableError, match="was stopped"):
            await call
        assert not before & children(), "the new one starts when the old one is gone"


async def test_a_removed_entry_is_stopped():
    async with bench(entry(), entry(name="other", mcp_id="m2")) as box:
        box.pool.apply([entry(name="other", mcp_id="m2")])
        assert box.pool.state("m1").status is DownstreamStatus.STOPPED
        assert box.listener.changes[-1].status is DownstreamStatus.STOPPED
        with pytest.raises(DownstreamUnavailableError, match="not running"):
            await box.call("echo")
        assert await box.text("echo", mcp_id="m2", text="untouched") == "untouched"


async def test_last_known_tools_are_served_before_the_downstream_is_ready():
    box = Bench()
    tools = (make_tool("from_last_time"),)
    box.pool.apply([entry(options={"command": "no-such-program-here"})], {"m1": tools})
    assert box.pool.state("m1").status is DownstreamStatus.STARTING
    assert box.pool.state("m1").tools == tools
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert (change.tools, change.tools_changed) == (tools, False)
    await box.pool.close()


async def test_a_call_during_the_start_waits_for_it():
    box = Bench()
    box.pool.apply([entry()])
    assert await box.text("echo", text="early bird") == "early bird"
    await box.pool.close()


async def test_dead_and_slow_entries_delay_no_other():
    hanging = entry(options={"command": ["sleep", "600"]}, mcp_id="hanging", name="hanging")
    dead = http_entry(f"http://127.0.0.1:{free_port()}/mcp")
    box = Bench()
    box.pool.apply([hanging, replace(dead, mcp_id="dead"), entry()])
    await box.listener.ready("m1")
    assert await box.text("echo", text="alive") == "alive"
    assert box.pool.state("hanging").status is DownstreamStatus.STARTING
    await box.pool.close()


async def test_every_one_of_many_entries_is_connected_to():
    box = Bench(PATIENT)
    port = free_port()
    many = [f"many-{number}" for number in range(40)]
    untried = {*many}
    all_tried = asyncio.Event()

    def note(change: DownstreamChange) -> None:
        if change.status is DownstreamStatus.DEGRADED:
            untried.discard(change.mcp_id)
        if not untried:
            all_tried.set()

    box.pool.subscribe(note)
    dead = http_entry(f"http://127.0.0.1:{port}/mcp")
    box.pool.apply([replace(dead, mcp_id=name, name=name) for name in many])
    async with asyncio.timeout(PATIENCE):
        await all_tried.wait()
    assert {box.pool.state(name).status for name in many} == {DownstreamStatus.DEGRADED}
    await box.pool.close()


async def test_invalid_options_degrade_one_entry_until_they_are_changed():
    box = Bench()
    box.pool.apply([entry(options={"comand": "x"}, mcp_id="typo", name="typo"), entry()])
    change = await box.listener.status(DownstreamStatus.DEGRADED)
    assert change.error is not None
    assert "no option 'comand'" in change.error
    with pytest.raises(DownstreamUnavailableError, match=r"typo: .*no option 'comand'"):
        await box.call("echo", mcp_id="typo")
    await box.listener.ready("m1")
    for broken in (entry(options={}), entry("telepathy", {})):
        with pytest.raises(InvalidInputError):
            box.pool.check(broken)
        with pytest.raises(InvalidInputError):
            await box.pool.probe(broken)
    box.pool.check(entry())
    await box.pool.close()


async def test_a_call_starts_one_attempt_early_for_all_callers():
    port = free_port()
    box = Bench(PATIENT)
    box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")])
    await box.listener.status(DownstreamStatus.DEGRADED)
    server = HttpServer(Toolbox())
    server.keeps_requests = True
    async with serve(server, port):
        texts = await asyncio.gather(*(box.text("echo", text=str(number)) for number in range(50)))
        assert texts == [str(number) for number in range(50)]
        assert [method for method, _ in server.requests].count("initialize") == 1
        await box.pool.close()


async def test_a_call_during_the_back_off_is_refused_at_once_with_the_reason():
    port = free_port()
    box = Bench(replace(PATIENT, early=600.0))
    box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")])
    await box.listener.status(DownstreamStatus.DEGRADED)
    server = HttpServer(Toolbox())
    server.keeps_requests = True
    async with serve(server, port):
        with pytest.raises(DownstreamUnavailableError, match=f"box: cannot connect to 127.0.0.1:{port}"):
            await box.call("echo")
        assert server.requests == []
    await box.pool.close()


async def test_a_downstream_that_comes_back_is_connected_without_a_call():
    port = free_port()
    box = Bench()
    box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")])
    await box.listener.status(DownstreamStatus.DEGRADED)
    async with serve(HttpServer(Toolbox()), port):
        change = await box.listener.status(DownstreamStatus.READY)
        assert change.tools_changed
        await box.pool.close()


async def test_a_failing_listener_misses_only_its_own_notifications():
    def failing(_: DownstreamChange) -> None:
        raise ValueError("not my day")

    heard: list[DownstreamChange] = []
    pool = DownstreamPool(limits=QUICK)
    pool.subscribe(failing)
    pool.subscribe(heard.append)
    pool.apply([entry()])
    reply = await pool.call("m1", tool_call(b'{"name":"echo"}'), user_id="u1", timeout=PATIENCE)
    assert reply.error is None
    assert [change.status for change in heard] == [DownstreamStatus.READY]
    await pool.close()


async def test_tools_are_listed_again_periodically():
    server = HttpServer(Toolbox())
    limits = replace(QUICK, refresh=0.05)
    async with serve(server), bench(http_entry(server.url), limits=limits) as box:
        server.toolbox.grow()
        await box.listener.until(lambda change: any(t.name.startswith("extra") for t in change.tools))


async def test_closing_twice_does_nothing_more():
    box = Bench()
    await box.ready(entry())
    await asyncio.gather(box.pool.close(), box.pool.close())
    await box.pool.close()
    assert box.pool.state("m1").status is DownstreamStatus.STOPPED


async def test_closing_during_the_start_leaves_no_process():
    box = Bench()
    box.pool.apply([entry(mcp_id=str(number)) for number in range(5)])
    await asyncio.sleep(0)
    await box.pool.close()
    await until_childless()
