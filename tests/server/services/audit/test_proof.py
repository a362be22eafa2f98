"""One verification of the audit log runs at a time, also when its caller has disconnected."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from ambassador_server.errors import AuditUnavailableError, OverloadedError
from ambassador_server.services.audit.proof import AuditProof
from tests.patience import PATIENCE

FINDING = {"writer": "node", "ok": True}


class HeldArchive:
    """An archive whose verification ends when the test allows it."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.error: Exception | None = None
        self.finished = asyncio.Event()

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        await self.let_go.wait()
        if self.error is not None:
            raise self.error
        self.finished.set()
        return [FINDING]

    def keys(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "k1"}]


async def test_second_verification_is_refused_while_the_first_runs() -> None:
    archive = HeldArchive()
    proof = AuditProof(archive)
    first = asyncio.ensure_future(proof.verify(since=None, until=None))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(OverloadedError, match="being verified already"):
        await proof.verify(since=None, until=None)
    archive.let_go.set()
    await asyncio.wait_for(archive.finished.wait(), PATIENCE)
    assert await proof.verify(since=None, until=None) == [FINDING]


async def test_failed_verification_raises_and_does_not_block_the_next() -> None:
    archive = HeldArchive()
    archive.let_go.set()
    archive.error = AuditUnavailableError("The audit log cannot be read.")
    proof = AuditProof(archive)
    with pytest.raises(AuditUnavailableError):
        await proof.verify(since=None, until=None)
    archive.error = None
    assert await proof.verify(since=None, until=None) == [FINDING]
