"""How the index follows the audit log: idle on both databases, and during calls on SQLite."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.bootstrap.clock import SystemClock
from ambassador_server.bootstrap.index_process.supervisor import SupervisedIndexer
from ambassador_server.services.audit.log_indexing import Runner
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.benchmarks.audit_queries import records
from tests.benchmarks.calls import CONNECTIONS
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.processes import BenchError, computed_seconds, run_load
from tests.benchmarks.world import Effort, World
from tests.server.audit_log.samples import SIGNER
from tests.server.storage.postgres import shared_server

_OFFERED = 2_000
_PATIENCE = 120.0
_MICRO = 1e6
_WRITTEN_AT_ONCE = 1_000


def indexing(world: World, effort: Effort) -> list[Figure]:
    """Measure how fast a full log is copied, and how far the index is behind while calls arrive."""
    directory = world.rig.directory / "audit-index"
    directory.mkdir()
    found = idle("SQLite", f"sqlite:///{directory / 'index.db'}", directory / "sqlite", effort.indexed)
    with shared_server() as server:
        found += idle("PostgreSQL", server.url(), directory / "postgresql", effort.indexed)
    return [*found, *under_load(world, effort)]


def idle(database: str, url: str, directory: Path, count: int) -> list[Figure]:
    """Measure the process alone, with a log of so many records and an empty index."""
    taken, computed = asyncio.run(_idle(url, directory, count))
    name = database.lower()
    return [
        Figure(
            name=f"index_idle_{name}",
            what=f"audit records copied to the index while idle, {database}",
            unit="/s",
            digits=0,
            ours=[count / taken],
            budget=Budget(at_least=10_000),
        ),
        Figure(
            name=f"index_computed_{name}",
            what=f"… processor time of its process per record, {database}",
            unit="µs",
            ours=[computed / count * _MICRO],
        ),
    ]


async def _idle(url: str, directory: Path, count: int) -> tuple[float, float]:
    await upgrade(url)
    store, clock = await open_store(url), SystemClock()
    log = await JsonlAuditLog.open(directory, "main", signer=SIGNER, clock=clock)
    for each in records(count):
        written = log.append(each.event)
        if each.seq % _WRITTEN_AT_ONCE == 0 or each.seq == count:
            await written
    indexer = SupervisedIndexer(url=url, audit_directory=directory, store=store, logs=[log], clock=clock)
    try:
        indexer.start()
        while (await indexer.state()).runner is not Runner.PROCESS:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        assert indexer.pid is not None
        before, begun = computed_seconds(indexer.pid), time.perf_counter()
        if not await indexer.reach_end(_PATIENCE):
            raise BenchError("the log was not copied")
        return time.perf_counter() - begun, computed_seconds(indexer.pid) - before
    finally:
        await indexer.close()
        await log.close()
        await store.close()


@dataclass(slots=True)
class Watch:
    """The lag that `/ready` tells during a run, and the processor time of the index process."""

    world: World
    stop: Event
    records: int = 0
    seconds: float = 0.0

    def run(self) -> None:
        """Look twice a second until `stop` is set."""
        while not self.stop.wait(0.5):
            self.look()

    def look(self) -> int:
        """Return by how many records the index is behind now."""
        lag = self.world.get("/ready")["audit_index"]
        self.records = max(self.records, lag["behind_records"])
        self.seconds = max(self.seconds, lag["behind_seconds"])
        return int(lag["behind_records"])


def under_load(world: World, effort: Effort) -> list[Figure]:
    """Offer calls at a fixed rate, then as many as the server takes."""
    return [
        *_loaded(world, effort, f"at {_OFFERED:,} calls/s offered", "offered", _OFFERED),
        *_loaded(world, effort, "at full load", "full", 0.0),
    ]


def _loaded(world: World, effort: Effort, load: str, name: str, offered: float) -> list[Figure]:
    server = world.serve(tls=False, sessions=CONNECTIONS, fresh=True)
    process = index_process(server.process_id)
    log, index = sizes(world)
    before = computed_seconds(process)
    watch = Watch(world, Event())
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch.run)
        begun = time.perf_counter()
        job = server.call(connections=CONNECTIONS, seconds=effort.index_seconds, offered=offered)
        report = run_load(job)
        taken = time.perf_counter() - begun
        share = (computed_seconds(process) - before) / taken
        watch.stop.set()
        watching.result()
    ended = time.perf_counter()
    while watch.look():
        if time.perf_counter() - ended > _PATIENCE:
            raise BenchError("the index does not catch up")
        time.sleep(0.05)
    caught_up = time.perf_counter() - ended
    log_after, index_after = sizes(world)
    calls = report.answered

    def figure(
        part: str, what: str, unit: str, value: float, *, digits: int = 1, budget: Budget | None = None
    ) -> Figure:
        return Figure(
            name=f"index_{name}_{part}", what=what, unit=unit, digits=digits, ours=[value], budget=budget
        )

    return [
        figure("rate", f"calls answered {load}, SQLite", "/s", report.rate, digits=0),
        figure("records", "… most records behind", "", watch.records, digits=0),
        figure(
            "lag",
            "… longest time behind",
            "s",
            watch.seconds,
            budget=Budget(at_most=5.0) if offered else None,
        ),
        figure("share", "… share of a core for the index", "", share, digits=2, budget=Budget(at_most=0.5)),
        figure("rest", "… until the rest is copied afterwards", "s", caught_up),
        figure("log_bytes", "… log on disk per call", "B", (log_after - log) / calls, digits=0),
        figure("index_bytes", "… index on disk per call", "B", (index_after - index) / calls, digits=0),
    ]


def index_process(server: int) -> int:
    """Return the number of the process that a server has started for its index."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split():
            if b"index_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.05)
    raise BenchError("the server has no process for its index")


def sizes(world: World) -> tuple[int, int]:
    """Return the bytes of the audit log and of the database."""
    data = world.rig.data_dir
    log = sum(file.stat().st_size for file in (data / "audit").rglob("*.jsonl"))
    return log, (data / "ambassador.db").stat().st_size
