"""The repository of the last checkpoints of audit logs."""

from typing import Protocol

from ambassador_server.domain.audit.anchors import Anchor


class AuditAnchors(Protocol):
    """Stores the last checkpoint of each audit log."""

    async def all(self) -> list[Anchor]:
        """Return every anchor, ordered by writer."""
        ...

    async def put(self, anchor: Anchor) -> None:
        """Store the anchor in the place of an earlier one of the same writer."""
        ...

    async def remove(self, writer: str) -> None:
        """Remove the anchor of a writer, if there is one."""
        ...
