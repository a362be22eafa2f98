"""The audit log, as ports: appending, reading, pruning and signing."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.domain.audit.events import AuditEvent, AuditRecord
from ambassador_server.ports.audit_index import LogPosition


class AuditLogReader(Protocol):
    """Reads the committed records of one writer."""

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        ...

    async def read(
        self, after: LogPosition | None, limit: int, max_bytes: int | None = None
    ) -> tuple[list[AuditRecord], LogPosition | None]:
        """Return up to `limit` committed records after a position, and the position after the last of them.

        With `max_bytes`, it stops after the record that reaches that total size in the log. Raises
        AuditUnavailableError if the log does not contain the position.
        """
        ...

    async def count(self, after: LogPosition | None, at_most: int) -> int:
        """Return how many committed records come after a position, or `at_most` if there are more."""
        ...

    async def end(self, *, now: bool) -> LogPosition | None:
        """Return the end of the committed lines, None if there is no log; its `seq` is 0 if it is not known.

        With `now`, lines that wait for the disk are committed first.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQueue:
    """How many records wait to be written, how many bytes they have, and the number of the last written line."""

    records: int
    size: int
    written_seq: int


class AuditLog(AuditLogReader, Protocol):
    """The append-only, hash-chained log of one writer; the database only indexes it."""

    def append(self, event: AuditEvent) -> Awaitable[None]:
        """Queue the event at once; await the result to wait until the operating system has the record.

        Awaiting raises AuditUnavailableError if the record could not be written; a caller that does not await never
        sees that error. After a failure every append fails until the log can be written again.
        """
        ...

    def failure(self) -> str | None:
        """Return why the log cannot be written now, or None."""
        ...

    def queue(self) -> AuditQueue:
        """Return how much waits to be written, at once and without a look at the disk."""
        ...

    def probe(self) -> str | None:
        """Check the log, repair it if possible, and return `failure()`."""
        ...

    async def close(self) -> None:
        """Write the queued records, sync them to the disk, and release the log."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """Consecutive lines of one segment: the numbers of the first and last line, the records, and where they end."""

    first_seq: int
    last_seq: int
    records: tuple[AuditRecord, ...]
    end: int


class SegmentedLog(Protocol):
    """A log that is read in pieces of its segments."""

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        ...

    async def segments(self) -> list[int]:
        """Return the numbers of the segments, ascending. Raises AuditUnavailableError."""
        ...

    async def last_seq(self) -> int:
        """Return the number of the last whole line, 0 without one. Raises AuditUnavailableError."""
        ...

    async def piece(self, segment: int, offset: int, end: LogPosition) -> LogPiece | None:
        """Return the next lines from an offset on, a bounded number before `end`; None if there are no more.

        Raises AuditUnavailableError.
        """
        ...


class UnfinishedLog(Protocol):
    """A log that tells which attempts have no outcome."""

    async def unfinished(self, longest: timedelta) -> list[AuditRecord]:
        """Return the attempts since the last start or stop of the server without an outcome, oldest first.

        `longest` is how long a call can take at most. Raises AuditUnavailableError if the log cannot be read.
        """
        ...

    def append(self, event: AuditEvent) -> Awaitable[None]:
        """Append an event, as `AuditLog.append` does."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """Whole segments to remove from the beginning of a log; `head` is the digest of their last line."""

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
        """Return the segments that hold only records before a time and precede segment `needed_from`, or None.

        Raises AuditUnavailableError.
        """
        ...

    async def prune(self, removal: Removal) -> None:
        """Write a signed record of the removal to the disk, then remove the segments. Raises AuditUnavailableError."""
        ...


class AnchoredLog(Protocol):
    """A log that tells its last checkpoint."""

    @property
    def writer(self) -> str:
        """Return the name of the writer."""
        ...

    async def anchor(self) -> Anchor | None:
        """Return the last checkpoint of this process once the disk has it; None without one."""
        ...


class CheckpointSigner(Protocol):
    """Signs the checkpoints of an audit log."""

    @property
    def key_id(self) -> str:
        """Return the id of the key in use for signing."""
        ...

    @property
    def public_keys(self) -> Mapping[str, str]:
        """Return the public keys of this signer by id, as SubjectPublicKeyInfo in base64."""
        ...

    def sign(self, text: bytes, key_id: str) -> str:
        """Return the signature in base64. Raises KeyError for a key that this signer does not have."""
        ...
