"""Sample events, and functions that read the files of a log."""

import hashlib
import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_protocol.audit.results import Verification
from ambassador_protocol.audit.verify import verify as verify_with
from ambassador_server.audit_log.quarantine import BrokenSegment, quarantine_segment
from ambassador_server.audit_log.writer_directory import WriterDirectory
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.domain.audit.events import (
    Actor,
    ActorKind,
    AuditAction,
    AuditEvent,
    AuditRecord,
    Outcome,
    Resource,
)
from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.ports.audit_log import AuditLog
from tests.fakes.clock import START, ManualClock

WRITER = "node-1"
SIGNER = AuditSigner({1: b"\x01" * 32})
KEYS = [PublicKey.from_base64(text) for text in SIGNER.public_keys.values()]
EVENT = AuditEvent(
    at=START,
    action=AuditAction.CALL_ATTEMPT,
    outcome=Outcome.PERMITTED,
    actor=Actor(kind=ActorKind.USER, id="u-1", name="Ann", key_id="k-1", key_name="laptop"),
    resource=Resource(kind="tool", id="m-1", name="weather.forecast"),
    request_id="r-0",
    session_id="s-1",
    source="192.0.2.7",
    details={"arguments": {"city": "Zürich", "days": [1, 2, None], "exact": 10**30, "ratio": 0.5}},
)


def numbered(number: int) -> AuditEvent:
    return replace(EVENT, request_id=f"r-{number}")


async def append_all(log: AuditLog, numbers: range) -> None:
    for number in numbers:
        await log.append(numbered(number))


async def read_all(log: AuditLog, limit: int = 1000) -> list[AuditRecord]:
    found: list[AuditRecord] = []
    position: LogPosition | None = None
    while True:
        records, position = await log.read(position, limit)
        if not records:
            return found
        found += records


def requests(records: list[AuditRecord]) -> list[str | None]:
    """Return the request ids, without those of the log's own records."""
    return [
        record.event.request_id for record in records if record.event.action is not AuditAction.LOG_RECOVERY
    ]


def segments(audit_directory: Path) -> list[Path]:
    return sorted((audit_directory / WRITER).glob("*.jsonl"))


def lines(segment: Path) -> list[dict[str, Any]]:
    """Return the lines of a segment, each with its digest, which the next line must name."""
    return [
        json.loads(line) | {"digest": hashlib.sha256(line).hexdigest()}
        for line in segment.read_bytes().splitlines()
    ]


def verify(audit_directory: Path) -> Verification:
    """Verify with the key that the samples are signed with."""
    return verify_with(audit_directory, KEYS)


def rechained(content: bytes) -> bytes:
    """Return the lines with numbers and digests computed again, as an attacker without the key can do."""
    prev, found = "0" * 64, []
    for number, raw in enumerate(content.splitlines(), 1):
        line = json.loads(raw) | {"prev": prev, "seq": number}
        if "checkpoint" in line:
            line["checkpoint"] |= {"head": prev, "seq": number - 1}
        text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        prev = hashlib.sha256(text).hexdigest()
        found.append(text + b"\n")
    return b"".join(found)


def quarantine_last(audit_directory: Path) -> BrokenSegment:
    """Quarantine the broken last segment."""
    locked = WriterDirectory.lock(audit_directory, WRITER)
    try:
        broken = BrokenSegment.find(locked, WRITER, keys_by_id(KEYS))
        assert broken is not None
        quarantine_segment(locked, WRITER, broken, signer=SIGNER, clock=ManualClock())
        return broken
    finally:
        locked.close()
