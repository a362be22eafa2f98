"""Audit sinks and the journal of their positions, as ports."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.audit_index import LogPosition


class AuditSink(Protocol):
    """Sends committed records to one receiver; only one task uses it at a time, and may cancel any wait."""

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Send records in order; return when the receiver has all of them.

        Raises SinkUnavailableError if the receiver may not have all of them; the caller sends them again. Raises
        SinkRefusedError if the receiver permanently rejects them.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class SinkJournal(Protocol):
    """Stores the position of each sink durably. Every method raises AuditUnavailableError for a damaged file."""

    async def load(self, sink: str) -> Mapping[str, LogPosition] | None:
        """Return the position after the last delivered record, by writer; None if nothing was stored.

        Raises DamagedPositionsError if what was stored is not positions.
        """
        ...

    async def save(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Replace all positions atomically."""
        ...

    async def add_dead_letter(self, sink: str, record: AuditRecord, reason: str) -> None:
        """Store a record that the receiver has permanently rejected."""
        ...
