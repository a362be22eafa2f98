"""Verifies the audit log for auditors."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ambassador_server.domain.audit.anchors import AnchorLoss
from ambassador_server.errors import Advice, OverloadedError
from ambassador_server.ports.audit_archive import AuditArchive
from ambassador_server.services.audit.anchors import AuditAnchors

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

    def __init__(self, archive: AuditArchive, anchors: AuditAnchors) -> None:
        self._archive = archive
        self._anchors = anchors
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
        return [*_with_losses(await asyncio.shield(self._running), self._anchors.losses)]

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, the one that signs now first, each with its `id` and `pem`."""
        return self._archive.keys()


def _with_losses(
    found: Sequence[Mapping[str, Any]], losses: Sequence[AnchorLoss]
) -> Iterator[Mapping[str, Any]]:
    """Return the findings, with a loss as the fault of its writer; a fault of the chain itself goes first."""
    lost = {loss.anchor.writer: loss for loss in losses}
    for finding in found:
        loss = lost.pop(finding["writer"], None)
        if loss is None or finding["fault"] is not None:
            yield finding
        else:
            yield {**finding, "ok": False, "fault": _fault(loss)}
    for writer, loss in lost.items():
        yield {**_NOTHING, "writer": writer, "ok": False, "fault": _fault(loss)}


def _fault(loss: AnchorLoss) -> Mapping[str, Any]:
    anchor = loss.anchor
    return {
        "writer": anchor.writer,
        "segment": anchor.segment,
        "line": None,
        "seq": anchor.seq,
        "problem": loss.sentence,
        "place": loss.sentence,
    }


def _read_error(finished: "asyncio.Future[Sequence[Mapping[str, Any]]]") -> None:
    if not finished.cancelled():
        finished.exception()
