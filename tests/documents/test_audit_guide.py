"""The steps of docs/audit.md, run as they are written: they prove a whole log, and fail on one that was changed."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ambassador_protocol.audit.lines import CHECKPOINT_TITLE
from ambassador_server.audit_log.log import JsonlAuditLog
from ambassador_server.audit_log.options import AuditLogOptions
from ambassador_server.crypto.audit_signer import AuditSigner
from tests.documents.build import ROOT
from tests.fakes.clock import ManualClock
from tests.server.audit_log.samples import KEYS, SIGNER, append_all

GUIDE = (ROOT / "docs" / "audit.md").read_text()
STEPS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
OTHER = AuditSigner({1: b"\x02" * 32})

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


async def _write(directory: Path, signer: AuditSigner, *, pruned: bool) -> None:
    clock = ManualClock()
    options = AuditLogOptions(segment_max_bytes=4000, checkpoint_records=4)
    log = await JsonlAuditLog.open(directory / "audit", "main", signer=signer, clock=clock, options=options)
    await append_all(log, range(20))
    clock.advance(86400)
    if pruned:
        removal = await log.prunable(clock.now())
        assert removal is not None
        await log.prune(removal)
    else:
        await log.close()


def _run(directory: Path, step: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-e", "-c", step], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


def _prepare(directory: Path, signer: AuditSigner = SIGNER, *, pruned: bool = False) -> list[Path]:
    asyncio.run(_write(directory, signer, pruned=pruned))
    (directory / "audit-key.pem").write_text(KEYS[0].pem())
    return sorted((directory / "audit" / "main").glob("*.jsonl"))


@pytest.mark.parametrize("pruned", [False, True])
def test_the_steps_prove_a_whole_log(tmp_path: Path, pruned: bool) -> None:
    assert len(_prepare(tmp_path, pruned=pruned)) == (1 if pruned else 3)
    chain, signature, record, key = (_run(tmp_path, step) for step in STEPS)
    assert (chain.returncode, chain.stdout.split()[:4]) == (0, ["whole", "up", "to", "record"]), chain.stderr
    assert signature.returncode == 0, signature.stderr
    assert "Signature Verified Successfully" in signature.stdout
    assert "the record is the one that was signed" in record.stdout
    assert key.stdout.strip() == SIGNER.key_id
    signed = (tmp_path / "signed.txt").read_text()
    assert signed.startswith(CHECKPOINT_TITLE)
    assert signed.endswith("pruned -\n") is not pruned


CHANGES: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "a record": (lambda content: content.replace(b'"r-7"', b'"r-8"'), 0),
    "a line is gone": (lambda content: b"".join(content.splitlines(keepends=True)[:-2]), 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_first_step_finds_what_was_changed(tmp_path: Path, change: str) -> None:
    segments = _prepare(tmp_path)
    for segment in segments[:2]:
        segment.write_bytes(CHANGES[change][0](segment.read_bytes()))
    chain = _run(tmp_path, STEPS[0])
    assert chain.returncode == 1
    assert "broken at or before record" in chain.stderr


def test_the_second_step_finds_a_checkpoint_of_another_key(tmp_path: Path) -> None:
    _prepare(tmp_path, OTHER)
    assert _run(tmp_path, STEPS[1]).returncode != 0


def test_the_third_step_finds_another_record(tmp_path: Path) -> None:
    *_, last = _prepare(tmp_path)
    _run(tmp_path, STEPS[1])
    found = last.read_bytes().splitlines(keepends=True)
    found[-2] = found[-2].replace(b'"r-', b'"s-')
    last.write_bytes(b"".join(found))
    if b'"checkpoint"' in found[-2]:
        pytest.fail("the record before the checkpoint is one that says something")
    assert _run(tmp_path, STEPS[2]).returncode != 0
