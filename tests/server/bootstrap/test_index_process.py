"""The process that copies the audit log: killed, stopped or missing, the index has no gap and no duplicate."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ambassador_protocol.backoff import Backoff
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.read_only_log import ReadOnlyLog
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.index_process import process as index_process
from ambassador_server.bootstrap.index_process.supervisor import SupervisedIndexer
from ambassador_server.domain.audit.query import EVERYTHING
from ambassador_server.errors import AuditUnavailableError
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.log_indexing import LONGEST_WAIT, InServerIndexer, Runner
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.effort import SOAK
from tests.patience import PATIENCE
from tests.server.audit_log.samples import SIGNER, WRITER, numbered
from tests.server.downstream.support import is_alive

_QUICK = Backoff(0.01, 0.02)
_CLOCK = SystemClock()


class World:
    """A log, a database, and the supervisor of the process between them."""

    def __init__(self, url: str, directory: Path, store: Store, log: JsonlAuditLog, silent: float) -> None:
        self.url, self.directory, self.store, self.log = url, directory, store, log
        self.appended = 0
        self.indexer = SupervisedIndexer(
            url=url,
            audit_directory=directory,
            store=store,
            logs=[log, ReadOnlyLog(directory, "other")],
            clock=_CLOCK,
            pauses=_QUICK,
            silent_seconds=silent,
        )

    async def append(self, count: int) -> None:
        for number in range(self.appended, self.appended + count):
            written = self.log.append(numbered(number))
            if number % 500 == 499:
                await written
        await written
        self.appended += count

    async def pid(self, *, other_than: int | None = None) -> int:
        """Return the number of the process once it copies."""
        await until(lambda: self._runs(other_than), "the process runs")
        assert self.indexer.pid is not None
        return self.indexer.pid

    async def _runs(self, other_than: int | None) -> bool:
        state = await self.indexer.state()
        return state.runner is Runner.PROCESS and self.indexer.pid not in (None, other_than)

    async def requests(self) -> list[str | None]:
        """Return the request ids of all indexed records in the order of their cursors."""
        found: list[str | None] = []
        async with self.store.read() as work:
            cursor = 0
            while rows := await work.audit.after(EVERYTHING, limit=1000, cursor=cursor):
                found += [row.record.event.request_id for row in rows]
                cursor = rows[-1].cursor
        return found

    async def assert_complete(self) -> None:
        assert await self.indexer.reach_end(PATIENCE)
        assert await self.requests() == [f"r-{number}" for number in range(self.appended)]


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for a condition."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await holds():  # noqa: ASYNC110 - nothing tells of the change
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"never: {what}")


def peak_memory(pid: int) -> int:
    """Return the largest size of a process in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


@asynccontextmanager
async def opened(url: str, directory: Path, *, silent: float = PATIENCE) -> AsyncIterator[World]:
    await upgrade(url)
    store = await open_store(url)
    log = await JsonlAuditLog.open(directory, WRITER, signer=SIGNER, clock=_CLOCK)
    world = World(url, directory, store, log, silent)
    try:
        yield world
    finally:
        await world.indexer.close()
        await log.close()
        await store.close()


async def test_a_query_waits_for_exactly_what_is_committed(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        world.indexer.start()
        await world.pid()
        for _ in range(20):
            await world.append(3)
            assert await world.indexer.reach_end(PATIENCE)
            assert len(await world.requests()) == world.appended
            state = await world.indexer.state()
            assert (state.behind_records, state.behind_seconds) == (0, 0.0)


async def test_killed_in_the_middle_it_leaves_no_gap_and_no_duplicate(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        world.indexer.start()
        pid: int | None = None
        for _ in range(2 * SOAK):
            pid = await world.pid(other_than=pid)
            indexed = len(await world.requests())
            await world.append(3000)
            reaching = asyncio.create_task(world.indexer.reach_end(PATIENCE))

            async def is_moving(before: int = indexed) -> bool:
                return len(await world.requests()) > before

            await until(is_moving, "the process copies")
            os.kill(pid, signal.SIGKILL)
            assert await reaching
        await world.assert_complete()
        assert (await world.indexer.state()).restarts > 0


async def test_two_processes_and_the_server_copy_the_same_log_once(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        await world.append(4000)
        rival = SupervisedIndexer(
            url=url, audit_directory=world.directory, store=world.store, logs=[world.log], clock=_CLOCK
        )
        here = InServerIndexer(store=world.store, logs=[world.log], clock=_CLOCK)
        try:
            world.indexer.start()
            rival.start()
            reached = await asyncio.gather(
                world.indexer.reach_end(PATIENCE), rival.reach_end(PATIENCE), here.reach_end(PATIENCE)
            )
        finally:
            await rival.close()
        assert all(reached)
        await world.assert_complete()


async def test_while_it_hangs_a_query_is_answered_in_time_and_says_what_lacks(
    url: str, tmp_path: Path
) -> None:
    async with opened(url, tmp_path / "audit", silent=PATIENCE * 10) as world:
        world.indexer.start()
        pid = await world.pid()
        await world.append(10)
        await world.assert_complete()
        os.kill(pid, signal.SIGSTOP)
        try:
            await world.append(7)
            assert not await world.indexer.reach_end()
            state = await world.indexer.state()
            assert state.behind_records >= 7
            assert state.behind_seconds >= LONGEST_WAIT
            assert state.indexed_until is not None
        finally:
            os.kill(pid, signal.SIGCONT)
        await world.assert_complete()


async def test_a_process_that_hangs_is_replaced(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit", silent=0.1) as world:
        world.indexer.start()
        pid = await world.pid()
        await world.append(10)
        os.kill(pid, signal.SIGSTOP)

        async def is_replaced() -> bool:
            await world.indexer.follow()
            return world.indexer.pid not in (None, pid)

        await until(is_replaced, "another process runs")
        assert not is_alive(pid)
        await world.append(10)
        await world.assert_complete()


async def test_where_no_process_can_start_the_server_copies_and_says_so(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url, tmp_path / "audit") as world:
        with monkeypatch.context() as patch:
            patch.setattr(index_process.sys, "executable", str(tmp_path / "missing"))
            world.indexer.start()

            async def has_failed() -> bool:
                return (await world.indexer.state()).failure is not None

            await until(has_failed, "the start fails")
            await world.append(600)
            await world.assert_complete()
            state = await world.indexer.state()
            assert state.runner is Runner.SERVER
            assert state.failure is not None
            assert "missing cannot be started" in state.failure
        await world.pid()
        await world.append(5)
        await world.assert_complete()
        assert (await world.indexer.state()).failure is None


async def test_it_says_why_it_ends_and_starts_again_after_growing_pauses(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    pauses: list[int] = []

    class Noted(Backoff):
        def after(self, failures: int) -> float:
            pauses.append(failures)
            return 0.01

    async with opened(url, tmp_path / "audit") as world:
        indexer = SupervisedIndexer(
            url="sqlite:////nowhere/at/all.db",
            audit_directory=world.directory,
            store=world.store,
            logs=[world.log],
            clock=_CLOCK,
            pauses=Noted(0.01, 0.01),
        )
        indexer.start()

        async def has_failed_often() -> bool:
            return len(pauses) >= 3

        await until(has_failed_often, "three starts fail")
        state = await indexer.state()
        await indexer.close()
        assert pauses[:3] == [1, 2, 3]
        assert state.failure is not None
        assert "nowhere" in state.failure


async def test_an_unreadable_log_is_an_error_of_the_query(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        world.indexer.start()
        await world.pid()
        broken = world.directory / "other"
        broken.mkdir()
        (broken / "00000001.jsonl").write_bytes(b'{"event":{"action":"none of ours"},"seq":1}\n')
        with pytest.raises(AuditUnavailableError, match="other"):
            await world.indexer.reach_end(PATIENCE)
        assert "other" in ((await world.indexer.state()).failure or "")
        (broken / "00000001.jsonl").unlink()
        await world.append(1)
        await world.assert_complete()
        assert (await world.indexer.state()).failure is None


async def test_command_line_and_environment_hold_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_AMBASSADOR_DATABASE_URL", "postgresql://ann:secret-of-tests@db/x")
    monkeypatch.setenv("PGPASSWORD", "secret-of-tests")
    monkeypatch.setenv("TOKEN_OF_AN_MCP", "secret-of-tests")
    async with opened(f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "audit") as world:
        world.indexer.start()
        files = Path(f"/proc/{await world.pid()}")
        shown = (files / "cmdline").read_bytes()
        with suppress(
            PermissionError
        ):  # only root can read the environment of a process that hides its memory
            shown += (files / "environ").read_bytes()
        assert b"index_process" in shown
        assert b"secret-of-tests" not in shown
        assert b"store.db" not in shown


async def test_it_stays_small(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        await world.append(6000)
        world.indexer.start()
        pid = await world.pid()
        await world.assert_complete()
        assert peak_memory(pid) <= 63 * 1024


def test_it_imports_neither_the_web_server_nor_the_configuration() -> None:
    code = "import sys, ambassador_server.bootstrap.index_process.program; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    heavy = {
        "aiohttp",
        "pydantic",
        "alembic",
        "cryptography",
        "typer",
        "structlog",
        "ambassador_server.config",
    }
    assert heavy & set(loaded.split()) == set()


async def test_closing_ends_it(url: str, tmp_path: Path) -> None:
    async with opened(url, tmp_path / "audit") as world:
        world.indexer.start()
        pid = await world.pid()
        await world.append(2000)
        await world.indexer.close()
        assert not is_alive(pid)
        assert world.indexer.pid is None
        await world.assert_complete()
