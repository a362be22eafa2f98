"""The files of the audit logs of all writers, as a port."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFile:
    """One file of a writer's log, up to its last whole line; a closed one does not grow any more."""

    writer: str
    name: str
    size: int
    is_closed: bool


class AuditFiles(Protocol):
    """The files that a verification of the audit logs reads."""

    async def list(self) -> Sequence[AuditFile]:
        """Return the segments and the quarantined segments of every writer. Raises AuditUnavailableError."""
        ...

    def read(self, file: AuditFile, offset: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of a file from an offset on, up to its size, in pieces of a bounded length.

        Raises NotFoundError if the file is gone, AuditUnavailableError if it cannot be read.
        """
        ...
