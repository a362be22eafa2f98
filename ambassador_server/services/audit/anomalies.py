"""Looks for contradictions of the audit log while the server runs, and names what it has found."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

from ambassador_server.domain.audit.anomalies import Anomaly, AnomalyKind
from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.domain.audit.index_differences import IndexDifference
from ambassador_server.ports.audit_archive import AuditArchive
from ambassador_server.services.audit.recorder import Recorder

_log = logging.getLogger(__name__)


class AuditAnomalies:
    """The contradictions that are known now; each is recorded as an event once."""

    def __init__(self, *, archive: AuditArchive, recorder: Recorder, writers: Sequence[str]) -> None:
        self._archive = archive
        self._recorder = recorder
        self._writers = writers
        self._closed: tuple[Anomaly, ...] = ()
        self._index: tuple[Anomaly, ...] = ()

    @property
    def found(self) -> tuple[Anomaly, ...]:
        """Return every contradiction."""
        return self._closed + self._index

    @property
    def of_index(self) -> tuple[Anomaly, ...]:
        """Return the contradictions between log and index."""
        return self._index

    async def check_closed_segments(self) -> None:
        """Verify the last closed segments of this server's logs. Raises AuditUnavailableError."""
        known, self._closed = self._closed, tuple(await self._archive.closed_segments(self._writers))
        await self._report(known, self._closed)

    async def take_differences(self, found: Sequence[IndexDifference]) -> None:
        """Name how the index differs from the logs, and record what has changed of that."""
        known, self._index = self._index, tuple(map(_index_differs, found))
        await self._report(known, self._index)

    async def report_adopted(self, writer: str, *, adopted: int, limit: int) -> None:
        """Record an event if a start has signed more records for another process than that can have left unsigned.

        The server stays ready, because nothing is left to decide: the records are signed as adopted.
        """
        if adopted <= limit:
            return
        sentence = f"{writer}: {adopted} records had no checkpoint, but a server signs one after {limit}"
        details = {"adopted": adopted, "limit": limit}
        found = Anomaly(kind=AnomalyKind.TOO_MANY_ADOPTED, writer=writer, sentence=sentence, details=details)
        await self._report((), (found,))

    async def _report(self, known: Sequence[Anomaly], found: Sequence[Anomaly]) -> None:
        for anomaly in found:
            if anomaly in known:
                continue
            _log.error("the audit log is contradicted: %s", anomaly.sentence)
            await self._recorder.event(
                AuditAction.LOG_ANOMALY,
                Outcome.FAILED,
                resource=Resource(kind="server", id=None, name=anomaly.writer),
                details={"loss": anomaly.kind, **anomaly.details},
            )


def _index_differs(found: IndexDifference) -> Anomaly:
    details = asdict(found)
    writer = details.pop("writer")
    return Anomaly(kind=AnomalyKind.INDEX_DIFFERS, writer=writer, sentence=found.sentence, details=details)
