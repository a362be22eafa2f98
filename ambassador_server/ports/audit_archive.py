"""The audit logs of all writers, as a port: their verification and their public keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ambassador_server.domain.audit.anomalies import Anomaly


class AuditArchive(Protocol):
    """The audit logs of all writers, and the keys that verify them."""

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Verify every hash chain and return the findings, one for each writer, as JSON values.

        Raises OverloadedError if it takes too long.
        """
        ...

    async def closed_segments(self, writers: Sequence[str]) -> Sequence[Anomaly]:
        """Verify the last closed segments of these writers, with a bounded amount of bytes, and return what is broken.

        Raises AuditUnavailableError.
        """
        ...

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, each with its `id` and `pem`; the key in use for signing is first."""
        ...
