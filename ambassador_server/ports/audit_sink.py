"""Audit sinks and the journal of their positions, as ports."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.store import LogPosition


class AuditSink(Protocol):
    """Sends committed records to one receiver; one task at a time uses it and may cancel any wait."""

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Return when the receiver has all records, in order.

        Raises SinkUnavailableError if it may not have all of them; they are sent again. Raises SinkRefusedError if it
        rejects them for good.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class SinkJournal(Protocol):
    """Stores the position of each sink durably. Every method raises AuditUnavailableError for a damaged file."""

    async def load(self, sink: str) -> Mapping[str, LogPosition]:
        """Return the position after the last delivered record, by writer; nothing for a new sink."""
        ...

    async def save(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Replace all positions atomically."""
        ...

    async def add_dead_letter(self, sink: str, record: AuditRecord, reason: str) -> None:
        """Keep a record that the receiver has rejected for good."""
        ...
