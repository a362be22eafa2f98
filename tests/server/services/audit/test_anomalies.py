"""Contradictions of the log are recorded once, and name what is contradicted."""

from collections.abc import Sequence

import pytest

from ambassador_server.domain.audit.anomalies import Anomaly, AnomalyKind
from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.server.services.audit.test_proof import HeldArchive

BROKEN = Anomaly(
    kind=AnomalyKind.SEGMENT_BROKEN, writer="main", sentence="main is broken", details={"segment": 3}
)


class BrokenArchive(HeldArchive):
    """An archive with a broken closed segment, until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: list[Anomaly] = [BROKEN]

    async def closed_segments(self, writers: Sequence[str]) -> Sequence[Anomaly]:
        return self.broken


def anomalies(log: FakeAuditLog) -> tuple[AuditAnomalies, BrokenArchive]:
    archive = BrokenArchive()
    recorder = Recorder(log=log, clock=ManualClock())
    return AuditAnomalies(archive=archive, recorder=recorder, writers=("main",)), archive


async def recorded(log: FakeAuditLog) -> list[dict[str, object]]:
    records, _ = await log.read(None, 100)
    assert {record.event.action for record in records} <= {AuditAction.LOG_ANOMALY}
    return [dict(record.event.details) for record in records]


async def test_broken_segment_is_recorded_once_while_it_is_broken() -> None:
    log = FakeAuditLog("main")
    found, archive = anomalies(log)
    for _ in range(2):
        await found.check_closed_segments()
        assert found.found == (BROKEN,)
    assert await recorded(log) == [{"loss": "segment_broken", "segment": 3}]
    archive.broken = []
    await found.check_closed_segments()
    assert found.found == ()
    assert len(await recorded(log)) == 1


async def test_difference_of_the_index_is_recorded_when_it_changes() -> None:
    log = FakeAuditLog("main")
    found, _ = anomalies(log)
    first = IndexDifference(writer="main", first_seq=3, last_seq=9, missing=1, altered=2, surplus=0)
    for differences in ([first], [first], [first + first], [], [first]):
        await found.take_differences(differences)
    assert [each["missing"] for each in await recorded(log)] == [1, 2, 1]
    assert (await recorded(log))[0] == {
        "loss": "index_differs",
        "first_seq": 3,
        "last_seq": 9,
        "missing": 1,
        "altered": 2,
        "surplus": 0,
    }
    assert [each.kind for each in found.found] == [AnomalyKind.INDEX_DIFFERS]


@pytest.mark.parametrize(("adopted", "events"), [(0, 0), (1000, 0), (1001, 1)])
async def test_more_adopted_records_than_a_kill_leaves_are_recorded(adopted: int, events: int) -> None:
    log = FakeAuditLog("main")
    found, _ = anomalies(log)
    await found.report_adopted("main", adopted=adopted, limit=1000)
    wanted = {"loss": "too_many_adopted", "adopted": adopted, "limit": 1000}
    assert await recorded(log) == [wanted] * events
    assert found.found == ()
