"""Everything that the vault has sealed, in memory."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ambassador_server.ports.sealed_rows import SealedKind, SealedRow
from ambassador_server.ports.vault import Sealed
from tests.fakes.credential_secrets import Secrets

Table = Callable[[str], dict[str, Any]]


class InMemorySealedRows:
    """Implements `ports.sealed_rows.SealedRows`."""

    def __init__(
        self, *, secrets: Callable[[], Secrets], table: Table, writing: Callable[[], object]
    ) -> None:
        self._secrets = secrets
        self._table = table
        self._writing = writing

    async def wait_for_writers(self) -> None:
        """Do nothing: there is one writer at a time."""

    async def key_counts(self) -> dict[int, int]:
        """Return how many rows each master key has sealed."""
        return dict(Counter(row.sealed.key_number for row in self._rows()))

    async def one(self, key_number: int) -> SealedRow | None:
        """Return one row that a master key has sealed."""
        return next((row for row in self._rows() if row.sealed.key_number == key_number), None)

    async def before(self, key_number: int, *, limit: int, after: SealedRow | None = None) -> list[SealedRow]:
        """Return rows that a master key with a lower number has sealed."""
        older = (row for row in self._rows() if row.sealed.key_number < key_number)
        found = (row for row in older if after is None or row.position > after.position)
        return sorted(found, key=lambda row: row.position)[:limit]

    async def replace(self, row: SealedRow, sealed: Sealed) -> bool:
        """Replace what is sealed unless it was replaced meanwhile."""
        self._writing()
        if row not in self._rows():
            return False
        table: dict[Any, Any]
        key: str | tuple[str, str] = row.item_id
        match row.kind:
            case SealedKind.VALUE:
                table, key = self._secrets(), (row.item_id, row.field)
            case SealedKind.REGISTRATION:
                table = self._table("registration")
            case SealedKind.PENDING:
                table = self._table("begun connection")
        table[key] = replace(table[key], key_number=sealed.key_number, sealed=sealed.content)
        return True

    def _rows(self) -> Iterator[SealedRow]:
        credentials = self._table("credential")
        for secret in self._secrets().values():
            owner = credentials[secret.credential_id]
            yield _row(
                SealedKind.VALUE, secret.credential_id, secret, owner.user_id, owner.mcp_id, secret.field
            )
        for each in self._table("registration").values():
            yield _row(SealedKind.REGISTRATION, each.registration_id, each, "", each.mcp_id)
        for each in self._table("begun connection").values():
            yield _row(SealedKind.PENDING, each.pending_id, each, each.user_id, each.mcp_id)


def _row(kind: SealedKind, item_id: str, item: Any, user_id: str, mcp_id: str, field: str = "") -> SealedRow:
    return SealedRow(
        kind=kind,
        item_id=item_id,
        user_id=user_id,
        mcp_id=mcp_id,
        field=field,
        sealed=Sealed(item.key_number, item.sealed),
    )
