"""Verifying the log of a running server: with a deadline, and without stalling calls."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ambassador_server.audit_log.archive import JsonlArchive
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.crypto.audit_signer import AuditSigner
from ambassador_server.errors import AuditUnavailableError, OverloadedError
from tests.fakes.clock import START, ManualClock
from tests.server.audit_log.samples import SIGNER, WRITER, append_all, numbered, segments

MANY = 2_000
"""More records than are appended while a log is verified that has only these."""


@pytest.fixture
async def audit(tmp_path: Path) -> Path:
    """A log of some hundred records."""
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    await append_all(log, range(400))
    await log.close()
    return tmp_path


async def test_running_log_is_verified_while_it_is_written(tmp_path: Path):
    log = await JsonlAuditLog.open(tmp_path, WRITER, signer=SIGNER, clock=ManualClock())
    archive = JsonlArchive(tmp_path, SIGNER)
    verifying = asyncio.ensure_future(archive.verify(since=None, until=None))
    number = 0
    while not verifying.done() and number < MANY:
        await log.append(numbered(number))
        number += 1
    [found] = await verifying
    assert (found["ok"], found["is_closed"]) == (True, False)
    await log.close()
    [found] = await archive.verify(since=None, until=None)
    assert (found["ok"], found["records"], found["is_closed"]) == (True, number, True)


async def test_verification_ends_when_it_takes_too_long(audit: Path):
    with pytest.raises(OverloadedError, match="too long"):
        await JsonlArchive(audit, SIGNER, max_seconds=-1).verify(since=None, until=None)


async def test_fault_is_reported_with_file_line_and_record(audit: Path):
    [segment] = segments(audit)
    segment.write_bytes(segment.read_bytes().replace(b'"r-7"', b'"r-8"'))
    [found] = await JsonlArchive(audit, SIGNER).verify(since=START, until=START + timedelta(days=1))
    assert not found["ok"]
    assert found["fault"]["place"].startswith(f"{WRITER}/00000001.jsonl, line 9, record 9: ")


async def test_missing_directory_is_an_error(tmp_path: Path):
    with pytest.raises(AuditUnavailableError):
        await JsonlArchive(tmp_path / "nowhere", SIGNER).verify(since=None, until=None)


async def test_keys_are_listed_with_the_signing_key_first(tmp_path: Path):
    signer = AuditSigner({1: b"\x01" * 32, 2: b"\x02" * 32})
    first, second = JsonlArchive(tmp_path, signer).keys()
    assert (first["id"], first["signs"], second["signs"]) == (signer.key_id, True, False)
    assert second["id"] == SIGNER.key_id
    assert second["pem"].startswith("-----BEGIN PUBLIC KEY-----\n")
