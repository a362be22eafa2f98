"""The repository of how far each audit sink has read the logs."""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import select

from ambassador_server.ports.audit_index import LogPosition
from ambassador_server.storage.audit_tables import audit_sink_positions
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_item, check_key


class AuditSinkPositionRepository:
    """Positions by server, sink and writer."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def of(self, node: str, sink: str) -> dict[str, LogPosition]:
        """Return the positions of a sink of a server, by writer."""
        check_key(node, "The node")
        check_key(sink, "The sink")
        columns = audit_sink_positions.c
        statement = select(columns.writer, columns.seq, columns.segment, columns.offset).where(
            columns.node == node, columns.sink == sink
        )
        return {
            writer: LogPosition(*position) for writer, *position in await self._transaction.rows(statement)
        }

    async def put(self, node: str, sink: str, positions: Mapping[str, LogPosition]) -> None:
        """Store positions of a sink in the place of earlier ones of the same writers."""
        check_key(node, "The node")
        check_key(sink, "The sink")
        for writer, position in positions.items():
            check_key(writer, "The writer")
            check_item(position)
            row = {"node": node, "sink": sink, "writer": writer, **asdict(position)}
            await self._transaction.change(self._transaction.dialect.upsert(audit_sink_positions), row)
