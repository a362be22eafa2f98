"""The comparison of the index with its log: what a prune explains is no difference, everything else is."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.audit_log.segmented_log import JsonlSegments
from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.audit.events import AuditAction, AuditRecord
from ambassador_server.domain.audit.index_differences import IndexDifference, differences
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.services.audit.index import AuditSearch
from ambassador_server.services.audit.index_comparison import IndexComparison, KnownDifferences
from ambassador_server.services.audit.log_indexing import InServerIndexer
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.audit.retention import AuditRetention
from ambassador_server.storage.audit_rows import COLUMNS, is_copy, to_row
from ambassador_server.storage.migrate import upgrade
from ambassador_server.storage.sql_store import open_store
from tests.effort import examples
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, append_all, numbered, read_all
from tests.server.storage import raw
from tests.server.storage.conftest import postgres, postgres_url, sqlite_path, url

__all__ = ["postgres", "postgres_url", "sqlite_path", "url"]

_DAY = 86400
_END = LogPosition(seq=0, segment=10**6, offset=0)


class NoDeliveries:
    """No audit sink needs a segment."""

    async def first_needed_segment(self, writer: str) -> int | None:
        return None


class World:
    """A log in small segments, its index, and a comparison of both."""

    def __init__(self, url: str, directory: Path, store: Any, log: JsonlAuditLog, clock: ManualClock) -> None:
        self.url, self.directory, self.store, self.log, self.clock = url, directory, store, log, clock
        self.indexer = InServerIndexer(store=store, logs=[log], clock=clock)
        search = AuditSearch(store=store, indexer=self.indexer)
        self.retention = AuditRetention(
            store=store,
            log=log,
            search=search,
            deliveries=NoDeliveries(),
            recorder=Recorder(log=log, clock=clock),
            clock=clock,
        )

    async def append(self, numbers: range) -> None:
        for number in numbers:
            await self.log.append(replace(numbered(number), at=self.clock.now()))
        assert await self.indexer.reach_end(None)

    async def compare(self, prunes_of: Sequence[str] | None = (WRITER,), **options: Any) -> Any:
        self.comparison = IndexComparison(
            store=self.store,
            log=JsonlSegments(self.directory, WRITER, lines=7),
            clock=self.clock,
            prunes_of=prunes_of,
            look_seconds=0.0,
        )
        return await self.comparison.run(**options)

    async def change(self, statement: str) -> None:
        await raw.execute(self.url, statement)


@pytest.fixture
async def world(url: str, tmp_path: Path) -> AsyncIterator[World]:
    await upgrade(url)
    store, clock = await open_store(url), ManualClock()
    options = AuditLogOptions(segment_max_bytes=6000)
    log = await JsonlAuditLog.open(tmp_path / "audit", WRITER, signer=SIGNER, clock=clock, options=options)
    yield World(url, tmp_path / "audit", store, log, clock)
    await log.close()
    await store.close()


def counts(found: IndexDifference | None) -> tuple[int, int, int] | None:
    return None if found is None else (found.missing, found.altered, found.surplus)


async def test_copy_of_the_log_does_not_differ(world: World) -> None:
    assert await world.compare() is None
    await world.append(range(40))
    assert len(await JsonlSegments(world.directory, WRITER).segments()) > 3
    assert await world.compare() is None
    assert world.comparison.compared == 40
    await append_all(world.log, range(40, 60))
    assert await world.compare() is None
    assert world.comparison.compared == 40


async def test_all_kinds_of_changes_are_counted(world: World) -> None:
    await world.append(range(40))
    told: list[IndexDifference] = []
    seqs = [record.seq for record in await read_all(world.log)]
    await world.change(f"DELETE FROM audit_events WHERE seq IN ({seqs[0]}, {seqs[1]}, {seqs[-1]})")
    await world.change(f"UPDATE audit_events SET source = '192.0.2.8' WHERE seq = {seqs[20]}")
    await world.change(f"UPDATE audit_events SET seq = 5000 WHERE seq = {seqs[5]}")
    await world.change(f"UPDATE audit_events SET seq = -1 WHERE seq = {seqs[6]}")
    found = await world.compare(tell=told.append)
    assert counts(found) == (5, 1, 2)
    assert (found.first_seq, found.last_seq) == (-1, 5000)
    assert len(told) == 1
    assert len(world.comparison.differing) >= 2
    only = await world.compare(only={min(world.comparison.differing)})
    assert counts(only) is not None
    assert only.missing < 5
    await world.change("DELETE FROM audit_events")
    await world.change("DELETE FROM audit_positions")
    assert await world.compare() is None
    assert await world.indexer.reach_end(None)
    assert await world.compare() is None


@pytest.mark.parametrize(
    "change",
    [
        *(f"{name} = 'x'" for name in COLUMNS if name not in {"writer", "seq", "at"}),
        "at = '2026-01-01 00:00:00.000001+00:00'",
        "document = '[]'",
        "reason = ''",
        "document = replace(document, '\"ratio\"', '\"ration\"')",
        "document = replace(document, '[1,', '[true,')",
    ],
)
async def test_change_of_each_column_is_noticed(world: World, change: str) -> None:
    await world.append(range(3))
    seq = (await read_all(world.log))[1].seq
    await world.change(f"UPDATE audit_events SET {change} WHERE seq = {seq}")
    assert await world.compare() == IndexDifference(
        writer=WRITER, first_seq=seq, last_seq=seq, missing=0, altered=1, surplus=0
    )


async def test_details_that_are_written_in_another_way_are_a_copy(world: World) -> None:
    await world.append(range(3))
    await world.change("UPDATE audit_events SET document = replace(document, ',', ' , ')")
    assert await world.compare() is None


@pytest.mark.parametrize(("segments", "index"), [(True, False), (False, True), (True, True)])
async def test_prune_is_no_difference_and_hides_none(world: World, segments: bool, index: bool) -> None:
    await world.append(range(40))
    world.clock.advance(10 * _DAY)
    await world.append(range(40, 60))
    await world.retention.prune(
        Requester(None, None), older_than=timedelta(days=2), segments=segments, index=index
    )
    assert await world.indexer.reach_end(None)
    assert await world.compare() is None
    last = (await read_all(world.log))[-6].seq
    await world.change(f"DELETE FROM audit_events WHERE seq = {last}")
    assert counts(await world.compare()) == (1, 0, 0)


async def test_prune_of_an_unknown_writer_explains_nothing(world: World) -> None:
    await world.append(range(20))
    world.clock.advance(10 * _DAY)
    await world.append(range(20, 40))
    details = json.dumps({"details": {"index": True, "before": "2026-01-05T00:00:00+00:00"}})
    columns = "at, actor_kind, resource_kind, digest"
    values = f"'ghost', 1, '{AuditAction.AUDIT_PRUNE}', 'permitted', '{details}'".replace(":", r"\:")
    await world.change(
        f"INSERT INTO audit_events (writer, seq, action, outcome, document, {columns}) "
        f"SELECT {values}, {columns} FROM audit_events LIMIT 1"
    )
    await world.change(f"DELETE FROM audit_events WHERE at < '2026-01-05' AND writer = '{WRITER}'")
    assert counts(await world.compare()) == (20, 0, 0)
    assert await world.compare(prunes_of=None) is None


@pytest.mark.parametrize("before", ['"never"', "7", '"2026-01-05"', '"9999-12-31T23:59:59-14:00"'])
async def test_forged_event_of_a_prune_does_not_stop_the_comparison(world: World, before: str) -> None:
    await world.append(range(20))
    seqs = [record.seq for record in await read_all(world.log)]
    document = f'{{"details": {{"index": true, "before": {before}}}}}'.replace(":", r"\:")
    await world.change(
        f"UPDATE audit_events SET action = '{AuditAction.AUDIT_PRUNE}', document = '{document}' "
        f"WHERE seq = {seqs[3]}"
    )
    await world.change(f"DELETE FROM audit_events WHERE seq = {seqs[7]}")
    found = await world.compare()
    assert (found.first_seq, found.altered) == (seqs[3], 1)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "change",
    [
        "reason = CAST(x'ff' AS TEXT)",
        "document = CAST(x'ff' AS TEXT)",
        "document = x'00'",
        "document = '{'",
        "at = 'never'",
        "at = 17",
        "seq = 'first'",
        f"action = '{AuditAction.AUDIT_PRUNE}', document = '['",
    ],
)
async def test_row_that_cannot_be_read_is_a_difference(world: World, change: str) -> None:
    await world.append(range(20))
    seqs = [record.seq for record in await read_all(world.log)]
    await world.change(f"UPDATE audit_events SET {change} WHERE seq = {seqs[3]}")
    await world.change(f"DELETE FROM audit_events WHERE seq = {seqs[7]}")
    found = await world.compare()
    assert (found.missing + found.altered + found.surplus, found.first_seq) in {(2, seqs[3]), (3, seqs[3])}


async def test_index_that_is_being_emptied_is_looked_at_again(world: World) -> None:
    await world.append(range(20))
    search = AuditSearch(store=world.store, indexer=world.indexer)
    await search.empty()
    assert await world.compare() is None
    assert await world.indexer.reach_end(None)
    assert await world.compare() is None


async def test_segment_that_cannot_be_read_does_not_stop_the_comparison(world: World) -> None:
    await world.append(range(40))
    broken = sorted((world.directory / WRITER).glob("*.jsonl"))[1]
    broken.write_bytes(b"no line of the log\n")
    piece = await JsonlSegments(world.directory, WRITER).piece(1, 0, _END)
    assert piece is not None
    await world.change(f"DELETE FROM audit_events WHERE seq = {piece.records[0].seq}")
    assert counts(await world.compare()) == (1, 0, 0)


def test_first_finding_stays_until_a_comparison_is_complete() -> None:
    known = KnownDifferences()
    first = IndexDifference(writer="main", first_seq=1, last_seq=2, missing=2, altered=0, surplus=0)
    more = first + first
    known.note("main", first, is_complete=False)
    known.note("main", more, is_complete=True)
    known.note("main", first, is_complete=False)
    assert known.all() == [more]
    known.note("main", None, is_complete=True)
    assert known.all() == []


_VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
)
_CHANGES = st.dictionaries(st.sampled_from(range(len(COLUMNS))), _VALUES, min_size=1)


@examples(200)
@given(
    kept=st.sets(st.integers(1, 30)),
    altered=st.dictionaries(st.integers(1, 30), _CHANGES),
    surplus=st.sets(st.integers(31, 60)),
)
def test_every_change_of_rows_is_counted_and_nothing_else(
    kept: set[int], altered: dict[int, dict[int, Any]], surplus: set[int]
) -> None:
    records = [
        AuditRecord(writer=WRITER, seq=seq, digest=f"{seq:064x}", event=numbered(seq)) for seq in range(1, 31)
    ]
    rows = {record.seq: to_row(record) for record in records if record.seq in kept}
    changed = set()
    for seq in altered.keys() & kept:
        values = [altered[seq].get(place, value) for place, value in enumerate(rows[seq])]
        if repr(values) != repr([*rows[seq]]):
            changed.add(seq)
        rows[seq] = tuple(values)
    rows |= {seq: rows.get(seq - 30, to_row(records[0])) for seq in surplus}
    found = differences(records, rows, is_copy)
    assert {record.seq for record in found.missing} == set(range(1, 31)) - kept
    assert set(found.altered) == changed
    assert set(found.surplus) == surplus
