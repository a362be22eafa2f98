"""Measures the first page of audit queries; run alone, it shows each query on both databases.

`python -m tests.benchmarks.audit_queries [EVENTS]`
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg

from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.domain.audit.query import EVERYTHING, Attribute
from ambassador_server.domain.audit.query_parser import parse_query
from ambassador_server.ports.store import Store
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.benchmarks.figures import Budget, Figure
from tests.benchmarks.world import FULL, Effort, World
from tests.conformance.store_samples import NOW, position, record
from tests.server.storage.postgres import shared_server

USERS, TOOLS, MCPS = 1_000, 400, 20
ROUNDS = 5
PAGE = 100
_BATCH = 2_000

QUERIES = {
    "everything": "",
    "user": "user=user-17",
    "user, nobody": "user=nobody",
    "tool": "tool=mcp-3.tool-23",
    "tool, prefix": "tool~mcp-3.*",
    "tool, prefix of nothing": "tool~mcp-x.*",
    "tool, leading *": "tool~*-23",
    "tool, * in the middle": "tool~mcp-*.tool-23",
    "user, leading *": "user~*-17",
    "request, prefix of many": "request~r-9*",
    "request, leading * (slow)": "request~*-nothing",
    "not a tool": "tool!=mcp-3.tool-23",
    "decision": "decision=deny",
    "outcome": "outcome=failed",
    "action": "action=call:tool:deny",
    "action, prefix": "action~admin:*",
    "action, leading *": "action~*:deny",
    "reason": "reason=no_grant",
    "reason, rare": "reason=kill_switch",
    "request": "request=r-4711",
    "session": "session=s-42",
    "source": "source=10.0.0.42",
    "kind": "kind=group",
    "actor_kind": "actor_kind=admin",
    "since, narrow": "since=1m",
    "since, wide": "since=7d",
    "until, early": "until=11d",
    "or of two": "user=user-17 or reason=kill_switch",
    "or of many": "user in (user-1, user-2, user-3, user-4, nobody) or tool=mcp-3.tool-23 or request=r-1",
    "or within and": "(user=user-17 or user=user-18) (outcome=denied or outcome=failed)",
    "user and outcome": "user=user-17 outcome=denied",
    "user and tool glob": "user=user-17 tool~mcp-3.*",
    "user since": "user=user-17 since=1d",
    "reason and outcome, never together": "outcome=succeeded reason=kill_switch",
    "no index helps (slow)": "action!=call:tool:attempt action!=call:tool:outcome action!=call:tool:deny kind=tool",
}


SLOW = "(slow)"
"""Marks what no index can answer."""


def queries(world: World, effort: Effort) -> list[Figure]:
    """Measure the first page of every kind of query on SQLite; the budget applies to those with an index."""
    file = world.rig.directory / "audit-queries.db"
    found = asyncio.run(measure(f"sqlite:///{file}", effort.events))
    file.unlink()
    indexed = {name: found[name] for name in QUERIES if SLOW not in name}
    slowest = max(indexed, key=indexed.__getitem__)
    return [
        Figure(
            name="audit_query",
            what=f"audit query, first page of {effort.events:,} events, {len(indexed)} indexed filters",
            unit="ms",
            ours=list(indexed.values()),
        ),
        Figure(
            name="audit_query_slowest",
            what=f"… the slowest of them ({slowest})",
            unit="ms",
            ours=[indexed[slowest]],
            budget=Budget(at_most=100.0),
        ),
    ]


def records(count: int) -> Iterator[AuditRecord]:
    """Yield calls of many users, a few denials and a few changes, spread over twelve days."""
    for seq in range(1, count + 1):
        call = seq // 2
        user = Actor(kind=ActorKind.USER, id=f"u{call * 7 % USERS}", name=f"user-{call * 7 % USERS}")
        number = call * 13 % TOOLS
        parts = {
            "at": NOW - timedelta(days=12) * ((count - seq) / count),
            "actor": user,
            "resource": Resource(kind="tool", id=None, name=f"mcp-{number % MCPS}.tool-{number}"),
            "request_id": f"r-{call}",
            "session_id": f"s-{call % 5_000}",
            "source": f"10.0.{call % 4}.{call % 250}",
        }
        if call % 20 == 0:
            reason = "kill_switch" if call % 50_000 == 0 else "no_grant"
            parts |= {"action": AuditAction.CALL_DENY, "outcome": Outcome.DENIED, "reason": reason}
        elif call % 500 == 1:
            parts |= {
                "action": AuditAction.GROUP_CREATE,
                "outcome": Outcome.SUCCEEDED,
                "actor": Actor(kind=ActorKind.ADMIN, id="a", name="root"),
                "resource": Resource(kind="group", id=None, name=f"group-{call}"),
            }
        elif seq % 2:
            outcome = Outcome.FAILED if call % 30 == 1 else Outcome.SUCCEEDED
            parts |= {"action": AuditAction.CALL_OUTCOME, "outcome": outcome}
        yield record(seq, **parts)


async def measure(url: str, count: int) -> dict[str, float]:
    """Return the median milliseconds of each query on a new database."""
    await upgrade(url)
    store = await open_store(url)
    try:
        await _fill(store, count)
        if url.startswith("postgresql"):
            await _analyse(url)
        found = {name: await _time_page(store, text) for name, text in QUERIES.items()}
        for by in (Attribute.RESOURCE_NAME, Attribute.ACTOR_NAME, Attribute.REASON):
            found[f"count everything by {by}"] = await _time_counts(store, by)
        return found
    finally:
        await store.close()


async def _analyse(url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("VACUUM ANALYZE audit_events")
    await connection.close()


async def _fill(store: Store, count: int) -> None:
    batch: list[AuditRecord] = []
    for each in records(count):
        batch.append(each)
        if len(batch) == _BATCH or each.seq == count:
            async with store.write() as work:
                await work.audit.insert(batch, position(each.seq))
            batch = []


async def _time_page(store: Store, text: str) -> float:
    wanted = parse_query(text, NOW)
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        async with store.read() as work:
            await work.audit.newest(wanted, limit=PAGE)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


async def _time_counts(store: Store, by: Attribute) -> float:
    started = time.perf_counter()
    async with store.read() as work:
        await work.audit.counts(EVERYTHING, by, top=10)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Print milliseconds per kind of query and database."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FULL.events
    with tempfile.TemporaryDirectory() as directory, shared_server() as server:
        sqlite = asyncio.run(measure(f"sqlite:///{Path(directory) / 'audit.db'}", count))
        postgres = asyncio.run(measure(server.url("postgres"), count))
    print(f"first page of {PAGE} from {count:,} events, median of {ROUNDS}, milliseconds")
    print(f"{'query':48} {'sqlite':>9} {'postgresql':>11}")
    for name, milliseconds in sqlite.items():
        print(f"{name:48} {milliseconds:9.1f} {postgres[name]:11.1f}")


if __name__ == "__main__":
    main()
