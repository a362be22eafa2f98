"""What the rules need from the files of the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol


class AuditArchive(Protocol):
    """The logs of every writer beside each other, and the keys they are proved with."""

    async def verify(self, *, since: datetime | None, until: datetime | None) -> Sequence[Mapping[str, Any]]:
        """Follow every chain and return one finding for each writer, as JSON values.

        Raises OverloadedError when it takes too long.
        """
        ...

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys, the one that signs now first, each with its `id` and `pem`."""
        ...
