"""The server at 500 calls a second for a quarter of an hour: nothing is refused, and nothing grows."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.benchmarks.audit_index import Watch, index_process, sizes
from tests.benchmarks.processes import computed_seconds, memory, run_load
from tests.benchmarks.world import World
from tests.patience import PATIENCE

OFFERED = 500
CONNECTIONS = 32
SECONDS = float(os.environ.get("SOAK_SECONDS", "900"))
"""How long the load lasts; a shorter time only shows that this works."""
_MICRO = 1e6


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    started = World(tmp_path)
    yield started
    started.close()


def descriptors(process_id: int) -> int:
    return len(os.listdir(f"/proc/{process_id}/fd"))


@pytest.mark.endurance
def test_steady_load_is_served_and_leaves_nothing_behind(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    server = world.serve(tls=False, sessions=CONNECTIONS, fresh=True)
    # A first second fills what the server keeps for every call after it.
    run_load(server.call(connections=CONNECTIONS, seconds=1.0, offered=OFFERED))
    process, index = server.process_id, index_process(server.process_id)
    memory_before, open_before = memory(process, "VmRSS"), descriptors(process)
    computed, indexed = computed_seconds(process), computed_seconds(index)
    log, database = sizes(world)
    watch = Watch(world, Event())
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch.run)
        try:
            job = server.call(connections=CONNECTIONS, seconds=SECONDS, offered=OFFERED, counts_failures=True)
            report = run_load(job)
            memory_after, open_after = memory(process, "VmRSS"), descriptors(process)
            computed = computed_seconds(process) - computed
            indexed = computed_seconds(index) - indexed
        finally:
            watch.stop.set()
            watching.result()
    deadline = time.monotonic() + PATIENCE
    while watch.look():
        assert time.monotonic() < deadline, "the index does not catch up"
        time.sleep(0.05)
    log_after, database_after = sizes(world)
    calls = report.answered
    for name, value in {
        "seconds": SECONDS,
        "calls offered per second": OFFERED,
        "calls answered": calls,
        "calls answered per second": round(report.rate, 1),
        "calls refused or failed": report.failed,
        "latency p50 in ms": round(report.p50, 2),
        "latency p99 in ms": round(report.p99, 2),
        "resident memory at the start in MiB": round(memory_before, 1),
        "resident memory at the end in MiB": round(memory_after, 1),
        "peak memory in MiB": round(memory(process, "VmHWM"), 1),
        "descriptors open at the start": open_before,
        "descriptors open at the end": open_after,
        "index behind at most, records": watch.records,
        "index behind at most, seconds": round(watch.seconds, 2),
        "log bytes per call": round((log_after - log) / calls),
        "index bytes per call": round((database_after - database) / calls),
        "processor time of the server per call in µs": round(computed / calls * _MICRO),
        "processor time of the index per call in µs": round(indexed / calls * _MICRO),
    }.items():
        record_property(f"steady load: {name}", value)
    assert report.failed == 0
    assert open_after <= open_before + CONNECTIONS, (
        "what is left are connections to the downstream, one per caller"
    )
    # The server bounds how long it verifies for one request; a log of this size is verified as an auditor would.
    world.rig.stop()
    log, key = str(world.rig.data_dir / "audit"), world.rig.facts["audit_key_file"]
    verified = world.rig.admin_json("audit", "verify", "--offline", log, "--key", key)
    assert all(each["ok"] and each["without_outcome"] == 0 for each in verified)
    assert sum(each["records"] for each in verified) >= 2 * calls, "attempt and outcome of every call"
