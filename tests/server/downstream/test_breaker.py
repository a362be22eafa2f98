"""After failures in a row calls are refused at once, and probes without traffic bring the downstream back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.mcps import BreakerState, DownstreamStatus
from ambassador_server.downstream.breaker import Breaker
from ambassador_server.errors import DownstreamTimeoutError, DownstreamUnavailableError, OverloadedError
from tests.fakes.downstream import make_tool
from tests.fakes.mcp_servers.http_server import HttpServer, serve
from tests.fakes.mcp_servers.toolbox import Toolbox
from tests.server.downstream.support import PATIENCE, QUICK, Bench, bench, entry, http_entry, result
from tests.server.downstream.test_pool import free_port

FEW = replace(QUICK, failures=3)
RARE = replace(FEW, first_retry=0.02, longest_retry=0.02)
IMPATIENT = replace(entry(), call_timeout_seconds=0.05)
REFUSED = (
    r"circuit breaker open after \d+ failures in a row; (the next probe is due in \d+ s|a probe runs now)"
)
STEPS = st.lists(st.sampled_from(["failure", "answer", "session"]), max_size=30)


@given(STEPS, st.integers(1, 5))
def test_it_opens_after_failures_in_a_row_and_closes_with_a_session(steps: list[str], threshold: int) -> None:
    told: list[BreakerState] = []
    breaker, answers, row, is_open = Breaker(threshold, told.append), 0, 0, False
    for step in steps:
        if step == "failure":
            breaker.failed(answers)
            row += 1
            is_open = is_open or row >= threshold
        elif step == "answer" and not is_open:
            answers, row = answers + 1, 0
        elif step == "session":
            breaker.connected()
            row, is_open = (0, False) if is_open else (row, False)
        assert breaker.is_open == is_open
    assert told == [BreakerState.OPEN, BreakerState.CLOSED] * (len(told) // 2) + [BreakerState.OPEN] * is_open


async def until_breaker(box: Bench, wanted: BreakerState) -> None:
    """Wait for a state of the breaker, which is half open only while a probe runs."""
    async with asyncio.timeout(PATIENCE):
        while box.pool.activity("m1").breaker is not wanted:  # noqa: ASYNC110 - probes are not announced
            await asyncio.sleep(0.001)


def announced(box: Bench) -> list[BreakerState]:
    return [change.breaker for change in box.listener.changes if change.breaker is not None]


@asynccontextmanager
async def hostile_socket(
    port: int, answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
) -> AsyncIterator[None]:
    """Accept connections at a port until the block ends."""
    held: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        answer(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()


@pytest.mark.parametrize("way", ["refused", "reset"])
async def test_calls_of_a_dead_downstream_are_refused_at_once_until_it_is_back(way: str) -> None:
    port = free_port()
    box = Bench(FEW)
    async with hostile_socket(port if way == "reset" else 0, lambda _, writer: writer.transport.abort()):
        box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")])
        await box.listener.until(lambda change: change.breaker is BreakerState.OPEN)
        for _ in range(5):
            with pytest.raises(DownstreamUnavailableError, match=REFUSED):
                await box.call("echo", timeout=600.0)
        assert announced(box) == [BreakerState.OPEN], "neither probes nor refused calls are announced"
    async with serve(HttpServer(Toolbox()), port):
        # No call brings it back: a probe does.
        await box.listener.until(lambda change: change.breaker is BreakerState.CLOSED)
        await box.listener.status(DownstreamStatus.READY)
        activity = box.pool.activity("m1")
        assert (activity.breaker, activity.next_probe_at) == (BreakerState.CLOSED, None)
        assert await box.text("echo", text="back") == "back"
        await box.pool.close()
    assert announced(box) == [BreakerState.OPEN, BreakerState.CLOSED]


async def test_no_call_waits_for_a_probe_that_hangs() -> None:
    port = free_port()
    box = Bench(FEW)
    box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")])
    await until_breaker(box, BreakerState.OPEN)
    async with hostile_socket(port, lambda *_: None):
        await until_breaker(box, BreakerState.HALF_OPEN)
        # The probe may take as long as a connection may; the calls would wait as long.
        for _ in range(3):
            with pytest.raises(DownstreamUnavailableError, match="a probe runs now"):
                await box.call("echo", timeout=600.0)
        assert box.pool.activity("m1").breaker is BreakerState.HALF_OPEN
        await box.pool.close()


async def test_the_next_probe_is_named_while_none_runs() -> None:
    box = Bench(replace(FEW, failures=1, first_retry=400.0, longest_retry=400.0, early=300.0))
    box.pool.apply([http_entry(f"http://127.0.0.1:{free_port()}/mcp")])
    await until_breaker(box, BreakerState.OPEN)
    assert box.pool.activity("m1").next_probe_at is not None
    with pytest.raises(DownstreamUnavailableError, match=r"the next probe is due in [1-4]\d\d s"):
        await box.call("echo")
    await box.pool.close()


async def test_a_silent_downstream_that_hangs_is_found_and_replaced_without_a_call() -> None:
    async with bench(entry(), limits=replace(FEW, heartbeat=0.05, ping=0.1)) as box:
        pid = int((await box.text("process")).split()[0])
        os.kill(pid, signal.SIGSTOP)
        change = await box.listener.status(DownstreamStatus.DEGRADED)
        assert change.error == "answered none of the last 3 pings"
        await box.listener.until(lambda change: change.breaker is BreakerState.CLOSED)
        assert announced(box) == [BreakerState.OPEN, BreakerState.CLOSED]
        assert int((await box.text("process")).split()[0]) != pid


async def test_heartbeats_leave_a_healthy_downstream_and_one_with_calls_in_flight_alone() -> None:
    async with bench(entry(), limits=replace(FEW, heartbeat=0.01, ping=0.5)) as box:
        assert (await box.call("slow", seconds=0.5)).error is None
        assert [change.status for change in box.listener.changes] == [DownstreamStatus.READY]


async def test_a_slow_tool_never_opens_it() -> None:
    async with bench(IMPATIENT, limits=FEW) as box:
        for _ in range(4 * FEW.timeouts):
            with pytest.raises(DownstreamTimeoutError):
                await box.call("slow", timeout=0.05, seconds=PATIENCE)
        assert await box.text("echo", text="alive") == "alive"
        assert announced(box) == []


async def test_short_deadlines_of_tools_replace_no_session() -> None:
    async with bench(entry(), limits=FEW) as box:
        process = (await box.text("process")).split()[0]
        for _ in range(4 * FEW.timeouts):
            with pytest.raises(DownstreamTimeoutError):
                await box.call("slow", timeout=0.01, seconds=PATIENCE)
        assert (await box.text("process")).split()[0] == process
        assert [change.status for change in box.listener.changes] == [DownstreamStatus.READY]


async def test_calls_without_an_answer_of_a_downstream_that_hangs_open_it() -> None:
    async with bench(IMPATIENT, limits=replace(FEW, ping=0.1)) as box:
        pid = int((await box.text("process")).split()[0])
        os.kill(pid, signal.SIGSTOP)
        for _ in range(FEW.timeouts):
            with pytest.raises(DownstreamTimeoutError):
                await box.call("echo", timeout=0.05, text="lost")
        await box.listener.until(lambda change: change.breaker is BreakerState.CLOSED)
        assert announced(box) == [BreakerState.OPEN, BreakerState.CLOSED]
        assert await box.text("echo", text="back") == "back"


async def test_errors_that_a_tool_returns_do_not_count() -> None:
    async with bench(entry(), limits=replace(FEW, failures=1)) as box:
        for _ in range(5):
            assert result(await box.call("fail"))["isError"] is True
        assert (await box.call("unknown")).error is not None
        assert announced(box) == []


async def test_a_program_that_dies_in_every_call_opens_it_and_one_answer_ends_the_row() -> None:
    async with bench(entry(), limits=FEW) as box:
        for number in range(2 * FEW.failures):
            with pytest.raises(DownstreamUnavailableError):
                await box.call("crash")
            if number % 2:
                assert await box.text("echo", text="alive") == "alive"
        assert announced(box) == []
        for _ in range(FEW.failures):
            with pytest.raises(DownstreamUnavailableError):
                await box.call("crash")
        await box.listener.until(lambda change: change.breaker is BreakerState.CLOSED)
        assert announced(box) == [BreakerState.OPEN, BreakerState.CLOSED]


async def test_last_known_lists_are_withdrawn_after_the_time_of_grace_and_come_back() -> None:
    port = free_port()
    box = Bench(replace(RARE, grace=0.2))
    known = (make_tool("echo"),)
    box.pool.apply([http_entry(f"http://127.0.0.1:{port}/mcp")], {"m1": known})
    await box.listener.status(DownstreamStatus.DEGRADED)
    assert not box.pool.state("m1").withdrawn
    assert box.pool.state("m1").tools == known
    await box.listener.until(lambda change: change.tools_changed)
    assert box.pool.state("m1").withdrawn
    assert box.pool.state("m1").tools == known, "approvals are compared with what was last known"
    async with serve(HttpServer(Toolbox()), port):
        change = await box.listener.status(DownstreamStatus.READY)
        assert change.tools_changed
        assert not box.pool.state("m1").withdrawn
        await box.pool.close()


async def test_limits_of_an_entry_replace_those_of_the_server() -> None:
    port = free_port()
    box = Bench(replace(RARE, failures=1000, grace=600))
    known = (make_tool("echo"),)
    mcp = replace(http_entry(f"http://127.0.0.1:{port}/mcp"), breaker_failures=2, grace_seconds=0.2)
    box.pool.apply([mcp], {"m1": known})
    await box.listener.until(lambda change: change.breaker is BreakerState.OPEN)
    await box.listener.until(lambda change: change.tools_changed)
    assert box.pool.state("m1").withdrawn
    # What the longer time permits comes back, without a connection.
    box.pool.apply([replace(mcp, grace_seconds=600)])
    assert not box.pool.state("m1").withdrawn
    box.pool.apply([replace(mcp, grace_seconds=0.001)])
    await box.listener.until(lambda _: box.pool.state("m1").withdrawn)
    box.pool.apply([replace(mcp, grace_seconds=0)])
    assert not box.pool.state("m1").withdrawn
    await box.pool.close()


async def test_calls_in_flight_of_an_entry_are_raised_and_lowered_without_a_new_connection() -> None:
    mcp = replace(entry(), max_in_flight=1)
    async with bench(mcp) as box:
        process = (await box.text("process")).split()[0]
        held = [asyncio.create_task(box.call("slow", seconds=600))]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="box has 1 calls in flight already"):
            await box.call("echo", text="x")
        box.pool.apply([replace(mcp, max_in_flight=3)])
        assert await box.text("echo", text="second") == "second"
        held += [asyncio.create_task(box.call("slow", seconds=600)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="3 calls in flight"):
            await box.call("echo", text="x")
        box.pool.apply([mcp])
        for each in held[1:]:
            each.cancel()
        await asyncio.gather(*held[1:], return_exceptions=True)
        with pytest.raises(OverloadedError, match="1 calls in flight"):
            await box.call("echo", text="x")
        held[0].cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await box.text("process")).split()[0] == process
