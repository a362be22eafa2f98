"""No file with the positions of a sink can make the server skip a record."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.audit_log.sink_journal import FileSinkJournal
from ambassador_server.errors import DamagedPositionsError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.services.audit.sink_positions import SinkAnomalyKind, SinkPositions, compare
from tests.fakes.store import InMemoryStore

KNOWN = LogPosition(seq=10, segment=2, offset=500)
NUMBERS = st.integers(0, 12)
POSITIONS = st.builds(LogPosition, seq=NUMBERS, segment=NUMBERS, offset=NUMBERS)
BY_WRITER = st.dictionaries(st.sampled_from(["main", "main-init", "other"]), POSITIONS)


@pytest.mark.parametrize(
    ("in_file", "begin", "kind"),
    [
        (KNOWN, KNOWN, None),
        (LogPosition(seq=11, segment=2, offset=600), KNOWN, SinkAnomalyKind.AHEAD),
        (LogPosition(seq=9, segment=2, offset=400), LogPosition(9, 2, 400), SinkAnomalyKind.BEHIND),
        (None, None, SinkAnomalyKind.BEHIND),
        (LogPosition(seq=9, segment=2, offset=600), KNOWN, SinkAnomalyKind.DAMAGED),
        (LogPosition(seq=11, segment=1, offset=1), KNOWN, SinkAnomalyKind.DAMAGED),
        (LogPosition(seq=9, segment=2, offset=500), KNOWN, SinkAnomalyKind.DAMAGED),
    ],
)
def test_earlier_position_holds(
    in_file: LogPosition | None, begin: LogPosition | None, kind: SinkAnomalyKind | None
) -> None:
    start = compare("siem", {} if in_file is None else {"main": in_file}, {"main": KNOWN})
    assert start.positions == ({} if begin is None else {"main": begin})
    assert [found.kind for found in start.anomalies] == ([] if kind is None else [kind])


@given(in_file=st.none() | BY_WRITER, in_database=BY_WRITER)
def test_no_file_skips_a_record(
    in_file: Mapping[str, LogPosition] | None, in_database: Mapping[str, LogPosition]
) -> None:
    start = compare("siem", in_file, in_database)
    for writer, begin in start.positions.items():
        known = in_database[writer]
        assert (begin.segment, begin.offset) <= (known.segment, known.offset)
    differing = {
        writer
        for writer in {*(in_file or {}), *in_database}
        if (in_file or {}).get(writer) != in_database.get(writer)
    }
    assert {found.writer for found in start.anomalies} == differing


def positions(directory: Path, store: InMemoryStore, node: str = "main") -> SinkPositions:
    (directory / node).mkdir(exist_ok=True)
    return SinkPositions(store=store, journal=FileSinkJournal(directory, node), node=node)


async def test_positions_of_two_servers_are_apart(tmp_path: Path) -> None:
    store = InMemoryStore()
    one, two = positions(tmp_path, store), positions(tmp_path, store, "second")
    await one.save("siem", {"main": KNOWN})
    assert (await two.load("siem")).positions == {}
    assert (await one.load("siem")).positions == {"main": KNOWN}
    assert (await one.load("siem")).anomalies == ()


async def test_log_with_a_fresh_database_is_sent_again(tmp_path: Path) -> None:
    await positions(tmp_path, InMemoryStore()).save("siem", {"main": KNOWN})
    start = await positions(tmp_path, InMemoryStore()).load("siem")
    assert start.positions == {}
    assert [(found.kind, found.seq) for found in start.anomalies] == [(SinkAnomalyKind.AHEAD, 0)]


async def test_damaged_file_is_an_error_only_if_the_database_knows_nothing(tmp_path: Path) -> None:
    store = InMemoryStore()
    stored = positions(tmp_path, store)
    await stored.save("siem", {"main": KNOWN})
    file = tmp_path / "main" / "sinks" / "siem.position.json"
    file.write_bytes(b"\xff")
    start = await stored.load("siem")
    assert start.positions == {"main": KNOWN}
    assert [found.kind for found in start.anomalies] == [SinkAnomalyKind.DAMAGED]
    with pytest.raises(DamagedPositionsError):
        await positions(tmp_path, InMemoryStore()).load("siem")
