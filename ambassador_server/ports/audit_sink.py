"""What the rules need from whoever receives the audit, and from the place that remembers what it has received."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ambassador_server.domain.audit.events import AuditRecord
from ambassador_server.ports.store import LogPosition


class AuditSink(Protocol):
    """One receiver of committed records; one task at a time uses it, and may cancel any wait."""

    async def deliver(self, records: Sequence[AuditRecord]) -> None:
        """Return when the receiver has all the records, in order.

        Raises SinkUnavailableError when it may have only some of them, which are then sent again;
        SinkRefusedError when it will never take them.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class SinkJournal(Protocol):
    """How far each sink has come, safe from crashes. Every method raises AuditUnavailableError for a file at fault."""

    async def load(self, sink: str) -> Mapping[str, LogPosition]:
        """Return the position behind the last delivered record, by writer; a new sink has none."""
        ...

    async def save(self, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Replace the positions, all or nothing."""
        ...

    async def add_dead_letter(self, sink: str, record: AuditRecord, reason: str) -> None:
        """Keep a record that the receiver has refused for good."""
        ...
