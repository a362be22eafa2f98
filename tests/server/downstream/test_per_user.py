"""Connections of single users are separate, bounded, and stopped when idle."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.domain.catalog.mcps import BreakerState, DownstreamStatus, Isolation, Mcp, OutputLine
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.errors import DownstreamUnavailableError, OverloadedError
from tests.fakes.mcp_servers import command, stdio_options
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
    is_alive,
    until_childless,
    until_dead,
)

_HANGS_WHILE = 'if [ -e "$0" ]; then : > "$0.seen"; exec sleep 600; fi; exec "$@"'


def own(name: str = "box", mcp_id: str = "m1", **options: Any) -> Mcp:
    """Return an entry whose users do not share a connection."""
    mcp = entry(options=options or None, name=name, mcp_id=mcp_id)
    return replace(mcp, isolation=Isolation.PER_USER)


@pytest.fixture
async def box() -> AsyncIterator[Bench]:
    async with bench(own()) as running:
        yield running


async def process(box: Bench, user: str, mcp_id: str = "m1") -> int:
    """Call as this user and return the id of the process that answers."""
    return int((await box.text("process", user=user, mcp_id=mcp_id)).split()[0])


async def slow(box: Bench, user: str, mcp_id: str = "m1") -> "asyncio.Future[Any]":
    """Begin a call that lasts, and return when its process has taken it."""
    call = asyncio.ensure_future(box.call("slow", user=user, mcp_id=mcp_id, seconds=600))
    await box.text("echo", user=user, mcp_id=mcp_id, text="pipes keep their order")
    return call


async def abandon(*calls: "asyncio.Future[Any]") -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_each_user_has_an_own_process_with_its_own_state(box: Bench):
    alice = [await box.text("process", user="alice") for _ in range(3)]
    bob = [await box.text("process", user="bob") for _ in range(2)]
    assert [text.split()[1] for text in (*alice, *bob)] == ["1", "2", "3", "1", "2"]
    pids = {int(text.split()[0]) for text in (*alice, *bob)}
    assert len(pids) == 2
    assert pids < children(), "the third is the one that lists the tools"


async def test_a_process_starts_with_the_first_call_of_its_user(box: Bench):
    assert len(children()) == box.pool.activity("m1").connections == 1
    first = await asyncio.gather(*(process(box, "alice") for _ in range(20)))
    assert len(set(first)) == 1, "twenty calls at once start one process"
    assert len(children()) == box.pool.activity("m1").connections == 2


async def test_a_shared_entry_has_one_process_for_all_users():
    async with bench(entry()) as box:
        assert await process(box, "alice") == await process(box, "bob")
        assert len(children()) == 1


@pytest.mark.parametrize("how", ["crash", "killed"])
async def test_the_end_of_one_users_process_affects_no_other_user(box: Bench, how: str):
    before = {user: await process(box, user) for user in ("alice", "bob")}
    going_on = await slow(box, "bob")
    if how == "crash":
        with pytest.raises(DownstreamUnavailableError, match="exited with status 3"):
            await box.call("crash", user="alice")
    else:
        os.kill(before["alice"], signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while not box.pool.activity("m1").restarts:  # noqa: ASYNC110 - the loss of one user's connection is not reported
            await asyncio.sleep(0.01)
    assert not is_alive(before["alice"])
    assert await process(box, "bob") == before["bob"]
    assert not going_on.done()
    assert await process(box, "alice") not in before.values()
    assert [change.status for change in box.listener.changes] == [DownstreamStatus.READY]
    assert box.pool.activity("m1").restarts == 1
    await abandon(going_on)


async def test_a_program_that_does_not_start_is_not_retried_for_every_call(tmp_path: Path):
    starts = tmp_path / "starts"
    script = f'echo x >> "{starts}"; [ $(wc -l < "{starts}") -gt 1 ] && exit 5; exec "$@"'
    patient = replace(QUICK, first_retry=600.0, longest_retry=600.0, early=600.0)
    mcp = own(**stdio_options() | {"command": ["sh", "-c", script, "sh", *command("stdio_server")]})
    async with bench(mcp, limits=patient) as box:
        for _ in range(5):
            with pytest.raises(DownstreamUnavailableError, match="exited with status 5"):
                await box.call("echo", user="alice")
    assert starts.read_text().count("x") <= 3, "the one that lists, and one attempt in both eras"


async def test_the_state_of_the_entry_is_that_of_the_connection_that_lists_its_tools(box: Bench):
    (listing,) = children()
    alice = await process(box, "alice")
    os.kill(listing, signal.SIGKILL)
    await box.listener.status(DownstreamStatus.DEGRADED)
    assert await process(box, "alice") == alice
    await box.listener.until(lambda change: change.status is DownstreamStatus.READY and change.error is None)
    tools = box.tool_names()
    await box.call("grow", user="alice")
    assert box.tool_names() == tools, "the tools of alice's own process are not the entry's"


async def test_a_start_that_hangs_delays_no_other_user(tmp_path: Path):
    hang = tmp_path / "hang"
    mcp = own(
        **stdio_options() | {"command": ["sh", "-c", _HANGS_WHILE, str(hang), *command("stdio_server")]}
    )
    async with bench(mcp) as box:
        hang.touch()
        waiting = asyncio.ensure_future(box.call("echo", user="alice"))
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / "hang.seen").exists():  # noqa: ASYNC110 - the shell of the test reports nothing
                await asyncio.sleep(0.01)
        hang.unlink()
        assert await box.text("echo", user="bob", text="here") == "here"
        assert not waiting.done()
        await abandon(waiting)


async def test_an_idle_connection_is_stopped_and_starts_again_with_a_call():
    async with bench(own(), user_limits=UserLimits(idle=0.1)) as box:
        first = await process(box, "alice")
        busy = await slow(box, "bob")
        await until_dead(first)
        assert not busy.done(), "a connection with a call in flight is not idle"
        assert await process(box, "alice") != first
        assert box.pool.state("m1").status is DownstreamStatus.READY
        await abandon(busy)


async def test_the_least_recently_used_connection_of_a_user_makes_room():
    mcps = [own(name=f"box{number}", mcp_id=f"m{number}") for number in range(4)]
    async with bench(*mcps, user_limits=UserLimits(per_user=3)) as box:
        pids = {mcp_id: await process(box, "alice", mcp_id) for mcp_id in ("m0", "m1", "m2")}
        other = await process(box, "bob", "m0")
        assert await process(box, "alice", "m0") == pids["m0"]
        assert await process(box, "alice", "m3") not in pids.values()
        assert not is_alive(pids["m1"]), "the new process starts when the old one is gone"
        assert {await process(box, "alice", "m0"), await process(box, "alice", "m2")} == {
            pids["m0"],
            pids["m2"],
        }
        assert await process(box, "bob", "m0") == other


async def test_the_least_recently_used_connection_of_all_makes_room():
    async with bench(own(), user_limits=UserLimits(total=2)) as box:
        alice = await process(box, "alice")
        bob = await process(box, "bob")
        await process(box, "carol")
        assert not is_alive(alice)
        assert await process(box, "bob") == bob
        assert len(children()) == 3


@pytest.mark.parametrize(
    ("limits", "user", "words"),
    [
        (UserLimits(per_user=1), "alice", "every connection of this user is busy"),
        (UserLimits(total=1), "bob", "every connection of all users is busy"),
    ],
)
async def test_a_busy_connection_is_never_stopped_for_another(limits: UserLimits, user: str, words: str):
    async with bench(own(), own(name="other", mcp_id="m2"), user_limits=limits) as box:
        busy = await slow(box, "alice")
        with pytest.raises(OverloadedError, match=words):
            await box.call("echo", user=user, mcp_id="m2")
        assert not busy.done()
        await abandon(busy)
        assert await box.text("echo", user=user, mcp_id="m2", text="room now") == "room now"


async def test_every_process_of_a_removed_user_is_stopped(box: Bench):
    alice, bob = await process(box, "alice"), await process(box, "bob")
    busy = await slow(box, "alice")
    box.pool.retain_users(lambda user_id: user_id != "alice")
    with pytest.raises(DownstreamUnavailableError, match="was stopped"):
        await busy
    await until_dead(alice)
    assert await process(box, "bob") == bob


@pytest.mark.parametrize("how", ["removed", "changed", "shared", "restarted"])
async def test_a_change_of_the_entry_stops_every_users_process(box: Bench, how: str):
    before = {await process(box, user) for user in ("alice", "bob")} | children()
    match how:
        case "removed":
            box.pool.apply([])
        case "changed":
            box.pool.apply([own(**stdio_options(env={"COLOUR": "blue"}))])
        case "shared":
            box.pool.apply([entry()])
        case "restarted":
            box.pool.restart("m1")
    for pid in before:
        await until_dead(pid)
    if how == "removed":
        with pytest.raises(DownstreamUnavailableError, match="not running"):
            await box.call("echo", user="alice")
    else:
        assert (await process(box, "alice") == await process(box, "bob")) is (how == "shared")


async def test_a_restart_replaces_the_process_and_keeps_the_tools_meanwhile():
    async with bench(entry()) as box:
        before, tools = await process(box, "alice"), box.tool_names()
        box.pool.restart("m1")
        assert (box.pool.state("m1").status, box.tool_names()) == (DownstreamStatus.STARTING, tools)
        assert await process(box, "alice") != before
        assert not is_alive(before)
        box.pool.restart("unknown")


async def test_a_new_name_reaches_the_users_connections_without_a_restart(box: Bench):
    alice = await process(box, "alice")
    box.pool.apply([replace(own(), name="renamed")])
    assert await process(box, "alice") == alice
    with pytest.raises(DownstreamUnavailableError, match=r"^renamed: exited"):
        await box.call("crash", user="alice")


async def test_the_same_user_never_has_two_processes_at_one_entry(tmp_path: Path):
    async with bench(own(**stdio_options("--stubborn"))) as box:
        first = await process(box, "alice")
        box.pool.retain_users(lambda _: False)
        assert await process(box, "alice") != first
        assert not is_alive(first), "the second starts when the first is gone, however long it takes to leave"


async def test_closing_leaves_no_process_while_users_call(tmp_path: Path):
    box = Bench()
    await box.ready(own())
    busy = await slow(box, "alice")
    starting = asyncio.ensure_future(box.call("echo", user="bob"))
    await asyncio.sleep(0)
    await box.pool.close()
    for call in (busy, starting):
        with pytest.raises(DownstreamUnavailableError):
            await call
    await until_childless()
    with pytest.raises(DownstreamUnavailableError, match="not running"):
        await box.call("echo", user="carol")


async def test_output_lines_name_the_user_of_their_connection(box: Bench):
    await box.call("garbage", user="alice")
    output = box.pool.recent_output("m1")
    assert OutputLine("alice", "Listening on port 1234") in output
    assert {line.user_id for line in output} == {"alice"}
    assert box.pool.recent_output("unknown") == ()


async def test_over_http_every_user_has_an_own_session():
    async with serve(HttpServer(Toolbox())) as server:
        mcp = replace(http_entry(server.url), isolation=Isolation.PER_USER)
        async with bench(mcp) as box:
            for user in ("alice", "bob", "alice"):
                assert await box.text("echo", user=user, text=user) == user
            assert len(server.sessions) == box.pool.activity("m1").connections == 3


async def test_the_breaker_of_a_users_connection_is_told_with_the_user() -> None:
    async with bench(own(), limits=replace(QUICK, failures=2)) as box:
        for _ in range(2):
            with pytest.raises(DownstreamUnavailableError):
                await box.call("crash", user="u2")
        opened = await box.listener.until(lambda change: change.user_id == "u2")
        assert (opened.breaker, opened.mcp_id) == (BreakerState.OPEN, "m1")
        assert opened.error is not None
        closed = await box.listener.until(
            lambda change: change.user_id == "u2" and change.breaker is BreakerState.CLOSED
        )
        assert not closed.tools_changed
        assert {change.user_id for change in box.listener.changes if change.breaker is None} == {None}
