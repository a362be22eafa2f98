"""One verification of the audit log runs at a time, also when its caller has disconnected."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest

from ambassador_protocol.admin.audit import WriterFinding
from ambassador_server.domain.audit.anchors import Anchor, AnchorLoss, LossKind
from ambassador_server.domain.audit.anomalies import Anomaly
from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.errors import AuditUnavailableError, OverloadedError
from ambassador_server.services.audit.anchors import AuditAnchors
from ambassador_server.services.audit.anomalies import AuditAnomalies
from ambassador_server.services.audit.proof import AuditProof
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import START, ManualClock
from tests.fakes.store import InMemoryStore
from tests.patience import PATIENCE

LOSS = AnchorLoss(
    kind=LossKind.ENDS_BEFORE, anchor=Anchor(writer="node", seq=7, digest="ab" * 32, segment=1, at=START)
)


def anchors(*losses: AnchorLoss) -> AuditAnchors:
    """Return the anchors of a server that has found these losses at its start."""
    recorder = Recorder(log=FakeAuditLog(), clock=ManualClock())
    return AuditAnchors(store=InMemoryStore(), log=NoCheckpoint(), recorder=recorder, losses=losses)


def anomalies() -> AuditAnomalies:
    """Return the contradictions of a server that has found none."""
    recorder = Recorder(log=FakeAuditLog(), clock=ManualClock())
    return AuditAnomalies(archive=HeldArchive(), recorder=recorder, writers=())


class NoCheckpoint:
    """A log without a checkpoint."""

    writer = "node"

    async def anchor(self) -> Anchor | None:
        return None


FINDING = {"writer": "node", "ok": True, "fault": None}


class HeldArchive:
    """An archive whose verification ends when the test allows it."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.error: Exception | None = None
        self.finished = asyncio.Event()
        self.found: list[Mapping[str, Any]] = [FINDING]

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        self.finished.set()
        return self.found

    async def closed_segments(self, writers: Sequence[str]) -> Sequence[Anomaly]:
        return []

    def keys(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "k1"}]


async def test_second_verification_is_refused_while_the_first_runs() -> None:
    archive = HeldArchive()
    proof = AuditProof(archive, anchors(), anomalies())
    first = asyncio.ensure_future(proof.verify(since=None, until=None))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(OverloadedError, match="being verified already"):
        await proof.verify(since=None, until=None)
    archive.let_go.set()
    await asyncio.wait_for(archive.finished.wait(), PATIENCE)
    assert await proof.verify(since=None, until=None) == [FINDING]


async def test_failed_verification_raises_and_does_not_block_the_next() -> None:
    archive = HeldArchive()
    archive.let_go.set()
    archive.error = AuditUnavailableError("The audit log cannot be read.")
    proof = AuditProof(archive, anchors(), anomalies())
    with pytest.raises(AuditUnavailableError):
        await proof.verify(since=None, until=None)
    archive.error = None
    assert await proof.verify(since=None, until=None) == [FINDING]


async def test_loss_is_the_fault_of_its_writer_and_hides_no_fault_of_the_chain() -> None:
    archive = HeldArchive()
    archive.let_go.set()
    [found] = await AuditProof(archive, anchors(LOSS), anomalies()).verify(since=None, until=None)
    assert (found["ok"], found["fault"]["place"]) == (False, LOSS.sentence)
    archive.found = [{**FINDING, "fault": {"place": "line 3"}}]
    [found] = await AuditProof(archive, anchors(LOSS), anomalies()).verify(since=None, until=None)
    assert found["fault"]["place"] == "line 3"


async def test_index_that_differs_is_the_fault_of_its_writer() -> None:
    archive, found_before = HeldArchive(), anomalies()
    archive.let_go.set()
    difference = IndexDifference(writer="node", first_seq=3, last_seq=9, missing=1, altered=2, surplus=0)
    await found_before.take_differences([difference])
    [found] = await AuditProof(archive, anchors(), found_before).verify(since=None, until=None)
    assert (found["ok"], found["fault"]["place"], found["fault"]["seq"]) == (False, difference.sentence, 3)
    [found] = await AuditProof(archive, anchors(LOSS), found_before).verify(since=None, until=None)
    assert found["fault"]["place"] == LOSS.sentence


async def test_writer_without_a_log_gets_a_whole_finding() -> None:
    archive = HeldArchive()
    archive.let_go.set()
    archive.found = []
    [found] = await AuditProof(archive, anchors(LOSS), anomalies()).verify(since=None, until=None)
    assert set(found) == {field.name for field in fields(WriterFinding)}
    assert (found["writer"], found["ok"], found["records"]) == ("node", False, 0)
