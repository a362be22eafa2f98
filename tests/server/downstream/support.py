"""Shared by the downstream tests: catalog entries, a listener to wait for, and lists of child processes."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ambassador_server.domain.catalog.mcps import ArgumentPolicy, DownstreamStatus, Mcp, McpStatus, Sessions
from ambassador_server.downstream.per_user import UserLimits
from ambassador_server.downstream.pool import DownstreamPool
from ambassador_server.downstream.supervisor import Limits
from ambassador_server.ports.downstream import DownstreamChange
from ambassador_server.ports.exchange import Ask, NeutralRequest, Reply, Tell
from tests.fakes.mcp_servers import stdio_options
from tests.patience import PATIENCE

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

QUICK = Limits(first_retry=0.02, longest_retry=0.2, early=0.0, relist_gap=0.01, listen_pause=0.05, retire=0.5)


def entry(
    transport: str = "stdio", options: dict[str, Any] | None = None, *, name: str = "box", mcp_id: str = "m1"
) -> Mcp:
    """Return a published catalog entry."""
    return Mcp(
        mcp_id=mcp_id,
        name=name,
        display_name=name,
        description="",
        transport=transport,
        options=stdio_options() if options is None else options,
        tags=(),
        status=McpStatus.PUBLISHED,
        arguments=ArgumentPolicy.REDACTED,
        call_timeout_seconds=10.0,
        created_at=_EPOCH,
        updated_at=_EPOCH,
    )


def http_entry(url: str, *, sessions: Sessions = Sessions.SHARED, **options: Any) -> Mcp:
    """Return a catalog entry behind a URL, with one session for all users unless `sessions` says otherwise."""
    return replace(entry("streamable_http", {"url": url, **options}), sessions=sessions)


def tool_call(params: bytes, tell: Tell | None = None, ask: Ask | None = None) -> NeutralRequest:
    """Return the request that calls a tool with these raw params."""
    return NeutralRequest(method="tools/call", params=params, tell=tell, ask=ask)


class Listener:
    """Keeps every change and lets a test wait for one."""

    def __init__(self) -> None:
        self.changes: list[DownstreamChange] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, change: DownstreamChange) -> None:
        """Keep a change and wake the waiting tests."""
        self.changes.append(change)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, wanted: Callable[[DownstreamChange], bool]) -> DownstreamChange:
        """Return the first change, past or future, for which `wanted` is true."""
        async with asyncio.timeout(PATIENCE), self._changed:
            while True:
                for change in self.changes:
                    if wanted(change):
                        return change
                await self._changed.wait()

    async def status(self, status: DownstreamStatus) -> DownstreamChange:
        """Return the first change to this status."""
        return await self.until(lambda change: change.status is status)

    async def ready(self, mcp_id: str) -> DownstreamChange:
        """Return the first change of this entry to ready."""
        return await self.until(
            lambda change: change.mcp_id == mcp_id and change.status is DownstreamStatus.READY
        )

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Bench:
    """A pool, its listener, and shortcuts for calls."""

    def __init__(
        self,
        limits: Limits = QUICK,
        mask: Callable[[str], str] = str,
        user_limits: UserLimits | None = None,
    ) -> None:
        self.listener = Listener()
        self.pool = DownstreamPool(limits=limits, user_limits=user_limits, mask=mask)
        self.pool.subscribe(self.listener)

    async def ready(self, *mcps: Mcp) -> None:
        """Apply these entries and wait until all of them are ready."""
        self.pool.apply(mcps)
        for mcp in mcps:
            await self.listener.ready(mcp.mcp_id)

    async def call(
        self, name: str, *, timeout: float = PATIENCE, mcp_id: str = "m1", user: str = "u1", **arguments: Any
    ) -> Reply:
        """Call a tool."""
        params = json.dumps({"name": name, "arguments": arguments}).encode()
        return await self.pool.call(mcp_id, tool_call(params), user_id=user, timeout=timeout)

    async def text(self, name: str, **arguments: Any) -> str:
        """Call a tool and return its text."""
        return str(result(await self.call(name, **arguments))["content"][0]["text"])

    def tool_names(self, mcp_id: str = "m1") -> list[str]:
        """Return the names of the known tools."""
        return [tool.name for tool in self.pool.state(mcp_id).tools]


@asynccontextmanager
async def bench(
    *mcps: Mcp,
    limits: Limits = QUICK,
    mask: Callable[[str], str] = str,
    user_limits: UserLimits | None = None,
) -> AsyncIterator[Bench]:
    """Run a pool with these entries, ready, and close it."""
    running = Bench(limits, mask, user_limits)
    try:
        await running.ready(*mcps)
        yield running
    finally:
        async with asyncio.timeout(PATIENCE):
            await running.pool.close()


def result(reply: Reply) -> dict[str, Any]:
    """Return the result of a reply as Python objects."""
    assert reply.error is None, reply
    assert reply.result is not None
    loaded = json.loads(reply.result)
    assert isinstance(loaded, dict)
    return loaded


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def until_dead(pid: int) -> None:
    """Wait until a process is gone."""
    async with asyncio.timeout(PATIENCE):
        while is_alive(pid):  # noqa: ASYNC110 - the exit of a process that is not our child is not reported
            await asyncio.sleep(0.01)


async def until_childless() -> None:
    """Wait until no child of this process lives; a killed one takes a moment to end."""
    async with asyncio.timeout(PATIENCE):
        while children():  # noqa: ASYNC110 - the exit of a process is not reported here
            await asyncio.sleep(0.01)


_ignored: set[int] = set()


def ignore_running_children() -> None:
    """Ignore the children that live now, such as a database that other tests of this process use."""
    _ignored.clear()
    _ignored.update(children())


def children() -> set[int]:
    """Return the living children of this process that are not ignored."""
    return _living_children() - _ignored


def _living_children() -> set[int]:
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getpid() and fields[0] != "Z":
                    found.add(int(directory.name))
    return found
