"""The repository of everything that the vault has sealed, of every kind, by master key."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from ambassador_server.ports.vault import Sealed


class SealedKind(StrEnum):
    """What is sealed: a connection that a user has begun, a registration of this server, or a value of a credential."""

    PENDING = "pending"
    REGISTRATION = "registration"
    VALUE = "value"


class SealedRow(Struct, frozen=True, kw_only=True):
    """One sealed row, with what it belongs to; a registration is of no user, and only a value has a field."""

    kind: SealedKind
    item_id: str
    user_id: str
    mcp_id: str
    field: str
    sealed: Sealed

    @property
    def position(self) -> tuple[SealedKind, str, str]:
        """Return what the rows are sorted by."""
        return self.kind, self.item_id, self.field


class SealedRows(Protocol):
    """Finds sealed rows by the number of their master key, and replaces what is sealed."""

    async def wait_for_writers(self) -> None:
        """Wait until no other transaction writes a row that was sealed before."""
        ...

    async def key_counts(self) -> Mapping[int, int]:
        """Return how many rows each master key has sealed."""
        ...

    async def one(self, key_number: int) -> SealedRow | None:
        """Return one row that a master key has sealed, or None."""
        ...

    async def before(
        self, key_number: int, *, limit: int, after: SealedRow | None = None
    ) -> Sequence[SealedRow]:
        """Return up to `limit` rows that a master key with a lower number has sealed, sorted, behind `after`."""
        ...

    async def replace(self, row: SealedRow, sealed: Sealed) -> bool:
        """Replace what is sealed and nothing else, unless it was replaced meanwhile; return whether that was done.

        A version stays as it is, because the content does: a server that refreshes a token is not disturbed.
        """
        ...
