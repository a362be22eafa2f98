"""The process that copies the log; it ends with the server that started it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ambassador_server.audit_log.bounded_log import BoundedLog
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.index_process.comparing import Comparing
from ambassador_server.bootstrap.index_process.messages import (
    Alive,
    Done,
    Failed,
    Progress,
    Report,
    Round,
    Start,
    decode,
    encode,
)
from ambassador_server.bootstrap.index_process.pace import Pace
from ambassador_server.downstream.programs import kernel
from ambassador_server.errors import AmbassadorError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.services.audit.copying import LogCopier
from ambassador_server.storage.database_url import database_file
from ambassador_server.storage.sql_store import open_store

_NICE = 5
_LONGEST_LINE = 1024 * 1024


def main() -> None:
    """Copy until the server closes the input or ends; the number of its process is the only argument."""
    _end_with(int(sys.argv[1]))
    # A terminal sends Ctrl-C to this process, too; the server ends it in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    try:
        asyncio.run(_run())
    except AmbassadorError as error:
        _report(Failed(why=error.message))
    except Exception as error:  # the server says why its process ended
        _report(Failed(why=f"{type(error).__name__}: {error}"))


def _end_with(parent: int) -> None:
    if sys.platform != "linux":
        return  # the end of the input ends it
    kernel.hide_memory()
    kernel.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit


async def _run() -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=_LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    if not line:
        return
    start = decode(line, Start)
    os.environ.update(start.environment)
    store = await open_store(start.url)
    logs = [BoundedLog(Path(start.audit_directory), writer) for writer in start.writers]
    try:
        _report(Alive())
        copiers = [LogCopier(store=store, log=log, clock=SystemClock()) for log in logs]
        pace = Pace()
        comparing = Comparing(
            store=store,
            audit_directory=Path(start.audit_directory),
            writers=start.writers,
            is_shared=database_file(start.url) is None,
            pace=pace,
            report=_report,
        )
        await _Indexing(logs, copiers, pace).follow(reader, comparing)
    finally:
        await store.close()


def _report(report: Report) -> None:
    # Blocks when the server does not read, which stops the copying as well.
    sys.stdout.buffer.write(encode(report))
    sys.stdout.buffer.flush()


class _Indexing:
    """Runs one round after the other; a message that arrives meanwhile can only make the current one faster."""

    def __init__(self, logs: Sequence[BoundedLog], copiers: Sequence[LogCopier], pace: Pace) -> None:
        self._logs = logs
        self._copiers = copiers
        self._pace = pace
        self._next: Round | None = None
        self._told = asyncio.Event()

    async def follow(self, reader: asyncio.StreamReader, comparing: Comparing) -> None:
        """Run rounds, and compare, until the input ends; a batch under way is undone then."""
        rounds, reading = asyncio.create_task(self._run_rounds()), asyncio.create_task(self._read(reader))
        compares = asyncio.create_task(comparing.run())
        await asyncio.wait((rounds, reading, compares), return_when=asyncio.FIRST_COMPLETED)
        for task in (rounds, compares):
            if task.done():
                await task
        for task in (rounds, compares):
            task.cancel()
        await asyncio.wait((rounds, compares))
        await reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            wanted, waiting = decode(line, Round), self._next
            hurries = wanted.hurries or (waiting is not None and waiting.hurries)
            self._next = Round(number=wanted.number, ends=wanted.ends, hurries=hurries)
            self._pace.full_speed |= hurries
            self._told.set()
            _report(Alive())

    async def _run_rounds(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            wanted, self._next = self._next, None
            if wanted is not None:
                _report(Done(number=wanted.number, failure=await self._round(wanted)))

    async def _round(self, wanted: Round) -> str | None:
        self._pace.full_speed = wanted.hurries
        self._set_ends(wanted.ends)
        try:
            for copier in self._copiers:
                await self._copy(copier)
        except AmbassadorError as error:
            return error.message
        return None

    def _set_ends(self, ends: Mapping[str, LogPosition | None]) -> None:
        for log in self._logs:
            log.ends_at(ends.get(log.writer))

    async def _copy(self, copier: LogCopier) -> None:
        complete = False
        while not complete:
            self._pace.begin()
            copied = await copier.copy()
            _report(Progress(writer=copier.log.writer, seq=copied.seq, at=copied.at))
            complete = copied.complete
            if copied.records:
                await asyncio.sleep(self._pace.pause(copied.held))
