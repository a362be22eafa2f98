"""Verifies the audit logs of a running server in a thread that leaves the interpreter to calls."""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ambassador_protocol.audit.lines import time_text
from ambassador_protocol.audit.public_keys import PublicKey, keys_by_id
from ambassador_protocol.audit.results import Fault
from ambassador_protocol.audit.verify import TimeRange, closed_fault, verify
from ambassador_server.audit_log.closed_quarantine import MAX_BYTES
from ambassador_server.domain.audit.anomalies import Anomaly, AnomalyKind
from ambassador_server.errors import AuditUnavailableError, OverloadedError
from ambassador_server.ports.audit_log import CheckpointSigner

_MAX_SECONDS = 45.0
_PAUSE_PER_WORK = 2.0
_LONGEST_PAUSE = 0.01


class JsonlArchive:
    """Implements `ports.audit_archive.AuditArchive`."""

    def __init__(
        self, audit_directory: Path, signer: CheckpointSigner, *, max_seconds: float = _MAX_SECONDS
    ) -> None:
        self._directory = audit_directory
        self._signer = signer
        self._max_seconds = max_seconds

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Verify every chain and return one finding for each writer."""
        return await asyncio.to_thread(self._verify, since, until)

    async def closed_segments(self, writers: Sequence[str]) -> Sequence[Anomaly]:
        """Verify the last closed segments of these writers and return what is broken."""
        return await asyncio.to_thread(self._closed_segments, writers)

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys; the one that signs now comes first."""
        found = [PublicKey.from_base64(text) for text in self._signer.public_keys.values()]
        found.sort(key=lambda key: key.key_id != self._signer.key_id)
        return [
            {"id": key.key_id, "signs": key.key_id == self._signer.key_id, "pem": key.pem()} for key in found
        ]

    def _verify(self, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        keys = [PublicKey.from_base64(text) for text in self._signer.public_keys.values()]
        time_range = TimeRange(
            since=None if since is None else time_text(since),
            until=None if until is None else time_text(until),
        )
        try:
            return verify(
                self._directory, keys, time_range=time_range, pause=_Pacer(self._max_seconds).pause
            ).documents()
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {error.strerror}.") from error

    def _closed_segments(self, writers: Sequence[str]) -> Sequence[Anomaly]:
        trusted = keys_by_id(PublicKey.from_base64(text) for text in self._signer.public_keys.values())
        paths = [self._directory / writer for writer in writers]
        try:
            # Nobody waits for it, so it may take its time; the bytes that it reads are bounded.
            faults = [
                closed_fault(path, trusted, max_bytes=MAX_BYTES, pause=_Pacer(math.inf).pause)
                for path in paths
                if path.is_dir() and not path.is_symlink()
            ]
        except OSError as error:
            raise AuditUnavailableError(f"The audit log cannot be read: {error.strerror}.") from error
        return [_anomaly(fault) for fault in faults if fault is not None]


def _anomaly(fault: Fault) -> Anomaly:
    return Anomaly(
        kind=AnomalyKind.SEGMENT_BROKEN,
        writer=fault.writer,
        sentence=str(fault),
        details={"segment": fault.segment, "line": fault.line, "seq": fault.seq, "problem": fault.problem},
    )


class _Pacer:
    """Pauses longer than it has worked, so that the event loop gets the interpreter lock; raises after a deadline."""

    def __init__(self, max_seconds: float) -> None:
        self._deadline = time.monotonic() + max_seconds
        self._worked_since = time.monotonic()

    def pause(self) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise OverloadedError(
                "The audit log is too long to be verified in one request.",
                hint="--from and --to take a part of it; --offline on a copy takes all of it",
            )
        time.sleep(min((now - self._worked_since) * _PAUSE_PER_WORK, _LONGEST_PAUSE))
        self._worked_since = time.monotonic()
