"""The repository of the last checkpoint of each audit log."""

from sqlalchemy import delete, select

from ambassador_server.domain.audit.anchors import Anchor
from ambassador_server.storage.audit_tables import audit_anchors
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_item, check_key


class AuditAnchorRepository:
    """Anchors by writer."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def all(self) -> list[Anchor]:
        """Return every anchor, ordered by writer."""
        rows = await self._transaction.rows(select(audit_anchors).order_by(audit_anchors.c.writer))
        return [Anchor(**row._mapping) for row in rows]

    async def put(self, anchor: Anchor) -> None:
        """Store the anchor in the place of an earlier one of the same writer."""
        check_item(anchor)
        row = {name: getattr(anchor, name) for name in audit_anchors.c.keys()}  # noqa: SIM118 - columns, not a dict
        await self._transaction.change(self._transaction.dialect.upsert(audit_anchors), row)

    async def remove(self, writer: str) -> None:
        """Remove the anchor of a writer, if there is one."""
        check_key(writer, "The writer")
        await self._transaction.change(delete(audit_anchors).where(audit_anchors.c.writer == writer))
