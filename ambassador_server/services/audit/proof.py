"""Verifies the audit log for auditors."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ambassador_server.domain.audit.anchors import AnchorLoss
from ambassador_server.domain.audit.anomalies import Anomaly
from ambassador_server.errors import Advice, OverloadedError
from ambassador_server.ports.audit_archive import AuditArchive
from ambassador_server.services.audit.anchors import AuditAnchors
from ambassador_server.services.audit.anomalies import AuditAnomalies

_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("segments", "records", "first_seq", "seq", "checkpoints", "covered_seq"), 0),
    **dict.fromkeys(("uncovered", "adopted"), 0),
    **dict.fromkeys(("covered_at", "pruned", "torn", "without_outcome")),
    "digest": "",
    "quarantined": [],
    "is_closed": False,
}
"""The finding about a writer that has no log."""


class AuditProof:
    """Verifies the audit log, one verification at a time."""

    def __init__(self, archive: AuditArchive, anchors: AuditAnchors, anomalies: AuditAnomalies) -> None:
        self._archive = archive
        self._anchors = anchors
        self._anomalies = anomalies
        self._running: asyncio.Future[Sequence[Mapping[str, Any]]] | None = None

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Verify every hash chain and return one finding for each writer, as JSON values.

        Raises OverloadedError while another verification runs, and if this one takes too long.
        """
        if self._running is not None and not self._running.done():
            raise OverloadedError(
                "The audit log is being verified already.", advice=Advice.TRY_AGAIN_IN_A_MINUTE
            )
        self._running = asyncio.ensure_future(self._archive.verify(since=since, until=until))
        # If the caller hangs up, the verification goes on; asyncio must not complain about an error that nobody reads.
        self._running.add_done_callback(_read_error)
        found = await asyncio.shield(self._running)
        known = [_loss_fault(loss) for loss in self._anchors.losses]
        known += [_index_fault(anomaly) for anomaly in self._anomalies.of_index]
        return [*_with_faults(found, known)]

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, the one that signs now first, each with its `id` and `pem`."""
        return self._archive.keys()


def _with_faults(
    found: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Return the findings, with the first known fault of each writer; a fault of the chain itself goes first."""
    faults: dict[str, Mapping[str, Any]] = {}
    for fault in known:
        faults.setdefault(fault["writer"], fault)
    for finding in found:
        named = faults.pop(finding["writer"], None)
        if named is None or finding["fault"] is not None:
            yield finding
        else:
            yield {**finding, "ok": False, "fault": named}
    for writer, fault in faults.items():
        yield {**_NOTHING, "writer": writer, "ok": False, "fault": fault}


def _loss_fault(loss: AnchorLoss) -> Mapping[str, Any]:
    anchor = loss.anchor
    return _fault(anchor.writer, segment=anchor.segment, seq=anchor.seq, sentence=loss.sentence)


def _index_fault(anomaly: Anomaly) -> Mapping[str, Any]:
    return _fault(anomaly.writer, segment=None, seq=anomaly.details["first_seq"], sentence=anomaly.sentence)


def _fault(writer: str, *, segment: int | None, seq: int, sentence: str) -> Mapping[str, Any]:
    return {
        "writer": writer,
        "segment": segment,
        "line": None,
        "seq": seq,
        "problem": sentence,
        "place": sentence,
    }


def _read_error(finished: "asyncio.Future[Sequence[Mapping[str, Any]]]") -> None:
    if not finished.cancelled():
        finished.exception()
