"""The settings of the audit log."""

from dataclasses import dataclass
from enum import StrEnum

MEBIBYTE = 1024 * 1024


class Fsync(StrEnum):
    """When written records are forced to the disk; a killed process never loses a record.

    A power cut loses no awaited record under `always`, at most the last interval under `interval`, and under
    `never` all that the operating system had not written yet.
    """

    INTERVAL = "interval"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogOptions:
    """Durability, rotation, checkpoints and bounds; sizes in bytes, times in seconds."""

    fsync: Fsync = Fsync.INTERVAL
    fsync_interval: float = 1.0
    segment_max_bytes: int = 64 * MEBIBYTE
    segment_max_age: float = 86_400.0
    checkpoint_records: int = 1_000
    checkpoint_interval: float = 300.0
    queue_max_records: int = 10_000
    queue_max_bytes: int = 64 * MEBIBYTE
    retry_interval: float = 1.0
