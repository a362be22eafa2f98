"""What the rules need from the audit log."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.ports.store import LogPosition


class AuditLogReader(Protocol):
    """The records of one writer, as far as they are committed."""

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        ...

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` committed records behind a position, and the position behind the last of them.

        With `max_bytes` they stop behind the one that makes them as large as that in the log. Raises
        AuditUnavailableError when the log does not hold what the position says.
        """
        ...

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many committed records lie behind a position, counting no further than `at_most`."""
        ...


class AuditLog(AuditLogReader, Protocol):
    """An append-only, hash-chained log of one writer; the truth that the database indexes."""

    def append(self, event: AuditEvent) -> Awaitable[None]:
        """Queue the event in order at once; awaiting it returns when the operating system has the record.

        Awaiting raises AuditUnavailableError when the record could not be written; whoever does not await
        loses nothing but that news. From then on every append fails until the log can be written again.
        """
        ...

    def failure(self) -> str | None:
        """Return why the log cannot take records now, or None."""
        ...

    def probe(self) -> str | None:
        """Look at the log, mend it if it is broken and can be, and return `failure()`."""
        ...

    async def close(self) -> None:
        """Write what is queued, flush to the disk and release the log."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Whole segments at the beginning of a log: how many, up to which one, their records and the last line's digest."""

    segments: int
    last_segment: int
    first_seq: int
    last_seq: int
    head: str


class PrunableLog(Protocol):
    """A log whose beginning can be removed."""

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        ...

    async def prunable(self, before: datetime, needed_from: int | None = None) -> Removal | None:
        """Return the segments that hold nothing younger and come before `needed_from`, or None.

        Raises AuditUnavailableError.
        """
        ...

    async def prune(self, removal: Removal) -> None:
        """State in a signed line what goes, and remove it once that is on the disk; raises AuditUnavailableError."""
        ...


class CheckpointSigner(Protocol):
    """Signs what the audit log says about itself."""

    @property
    def key_id(self) -> str:
        """Return the key that signs now."""
        ...

    @property
    def public_keys(self) -> Mapping[str, str]:
        """Return every public key that this signer has, SubjectPublicKeyInfo in base64, by its id."""
        ...

    def sign(self, text: bytes, key_id: str) -> str:
        """Return the signature in base64; raises KeyError for a key that is not here."""
        ...
