"""Keeps how far each audit sink has read, in a file and in the database; the earlier of both positions holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ambassador_server.domain.audit.events import AuditAction, Outcome, Resource
from ambassador_server.errors import DamagedPositionsError
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_sink import SinkJournal
from ambassador_server.ports.store import Store
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.shared.database_deadline import within_deadline


class SinkAnomalyKind(StrEnum):
    """How the position file of a sink differs from the database."""

    AHEAD = "sink_position_ahead"
    BEHIND = "sink_position_behind"
    MISSING = "sink_position_missing"
    DAMAGED = "sink_position_damaged"


_SENTENCES = {
    SinkAnomalyKind.AHEAD: (
        "its file names a later position than the database; records from the earlier one on are sent"
    ),
    SinkAnomalyKind.BEHIND: (
        "its file names an earlier position than the database; records from there on are sent again"
    ),
    SinkAnomalyKind.MISSING: "its position file is missing; delivery goes on from the position in the database",
    SinkAnomalyKind.DAMAGED: (
        "its position file holds no position that is possible; delivery goes on from the one in the database"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkAnomaly:
    """A difference between the file and the database; delivery begins after record `seq` of the writer."""

    kind: SinkAnomalyKind
    sink: str
    writer: str
    seq: int

    @property
    def sentence(self) -> str:
        """Return the difference in words."""
        return f"{self.sink}, records of {self.writer}: {_SENTENCES[self.kind]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """From where to deliver, by writer, and how file and database differ."""

    positions: Mapping[str, LogPosition]
    anomalies: tuple[SinkAnomaly, ...]


def compare(
    sink: str, in_file: Mapping[str, LogPosition] | None, in_database: Mapping[str, LogPosition]
) -> Start:
    """Return the earlier one of each two positions; `in_file` is None for a file that is damaged or missing.

    A position that the database does not know counts as the beginning, and one without sense in the file as that of
    the database. So no change of the file can skip a record.
    """
    missing = SinkAnomalyKind.MISSING
    if in_file is None:
        return Start(
            positions=in_database, anomalies=_name(sink, dict.fromkeys(in_database, missing), in_database)
        )
    positions, kinds = {}, {}
    for writer in sorted({*in_file, *in_database}):
        begin, kind = _earlier(in_file.get(writer), in_database.get(writer))
        if begin is not None:
            positions[writer] = begin
        if kind is not None:
            kinds[writer] = kind
    return Start(positions=positions, anomalies=_name(sink, kinds, positions))


def _earlier(
    in_file: LogPosition | None, in_database: LogPosition | None
) -> tuple[LogPosition | None, SinkAnomalyKind | None]:
    if in_file == in_database:
        return in_database, None
    if in_database is None:
        return None, SinkAnomalyKind.AHEAD
    if in_file is None:
        return None, SinkAnomalyKind.BEHIND
    file_place, known_place = (in_file.segment, in_file.offset), (in_database.segment, in_database.offset)
    if in_file.seq > in_database.seq and file_place > known_place:
        return in_database, SinkAnomalyKind.AHEAD
    if in_file.seq < in_database.seq and file_place < known_place:
        return in_file, SinkAnomalyKind.BEHIND
    return in_database, SinkAnomalyKind.DAMAGED


def _name(
    sink: str, kinds: Mapping[str, SinkAnomalyKind], positions: Mapping[str, LogPosition]
) -> tuple[SinkAnomaly, ...]:
    return tuple(
        SinkAnomaly(
            kind=kind, sink=sink, writer=writer, seq=positions[writer].seq if writer in positions else 0
        )
        for writer, kind in kinds.items()
    )


class SinkPositions:
    """Loads and stores the positions of the sinks of one server.

    The database is written before the file, so after a crash the file is never ahead of it.
    """

    def __init__(self, *, store: Store, journal: SinkJournal, node: str) -> None:
        self._store = store
        self._journal = journal
        self._node = node

    async def load(self, sink: str) -> Start:
        """Return from where to deliver. Raises AuditUnavailableError and StorageError.

        A damaged file of a sink that the database does not know is an error: a person has to decide.
        """
        in_database = await self._read(sink)
        try:
            in_file = await self._journal.load(sink)
        except DamagedPositionsError:
            if not in_database:
                raise
            kinds = dict.fromkeys(in_database, SinkAnomalyKind.DAMAGED)
            return Start(positions=in_database, anomalies=_name(sink, kinds, in_database))
        return compare(sink, in_file, in_database)

    async def save(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Store the positions in the database, then in the file. Raises StorageError and AuditUnavailableError."""
        await self._write(sink, positions)
        await self._journal.save(sink, positions)

    @within_deadline
    async def _read(self, sink: str) -> Mapping[str, LogPosition]:
        async with self._store.read() as work:
            return await work.sink_positions.of(self._node, sink)

    @within_deadline
    async def _write(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        # Durable, because the file is: after a power cut a position that the database has lost would look forged.
        async with self._store.write() as work:
            await work.sink_positions.put(self._node, sink, positions)


async def report(recorder: Recorder, anomalies: Iterable[SinkAnomaly]) -> None:
    """Record an event for each difference."""
    for found in anomalies:
        await recorder.event(
            AuditAction.LOG_ANOMALY,
            Outcome.FAILED,
            resource=Resource(kind="server", id=None, name=found.writer),
            details={"loss": found.kind, "sink": found.sink, "seq": found.seq},
        )
