"""Verifies the audit log for auditors."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ambassador_server.errors import Advice, OverloadedError
from ambassador_server.ports.audit_archive import AuditArchive


class AuditProof:
    """Verifies the audit log, one verification at a time."""

    def __init__(self, archive: AuditArchive) -> None:
        self._archive = archive
        self._running: asyncio.Future[Sequence[Mapping[str, Any]]] | None = None

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Verify every hash chain and return one finding for each writer, as JSON values.

        Raises OverloadedError while another verification runs, and if this one takes too long.
        """
        if self._running is not None and not self._running.done():
            raise OverloadedError(
                "The audit log is being verified already.", advice=Advice.TRY_AGAIN_IN_A_MINUTE
            )
        self._running = asyncio.ensure_future(self._archive.verify(since=since, until=until))
        # If the caller hangs up, the verification goes on; asyncio must not complain about an error that nobody reads.
        self._running.add_done_callback(_read_error)
        return await asyncio.shield(self._running)

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, the one that signs now first, each with its `id` and `pem`."""
        return self._archive.keys()


def _read_error(finished: "asyncio.Future[Sequence[Mapping[str, Any]]]") -> None:
    if not finished.cancelled():
        finished.exception()
