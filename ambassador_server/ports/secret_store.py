"""The repository of the sealed values of users' credentials."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ambassador_server.domain.people.credentials import StoredSecret


class SecretRepository(Protocol):
    """Stores sealed values; writing them does not raise the policy version. They are deleted with their credential."""

    async def put(self, secret: StoredSecret) -> None:
        """Store a value in the place of an earlier one; raises ConflictError without its credential."""
        ...

    async def get(self, credential_id: str, field: str) -> StoredSecret | None:
        """Return one value, or None."""
        ...

    async def of(self, credential_id: str) -> Sequence[StoredSecret]:
        """Return the values of a credential, by field."""
        ...

    async def remove(self, credential_id: str, field: str) -> bool:
        """Delete a value; return whether there was one."""
        ...

    async def replace_version(self, secret: StoredSecret, *, expected: int) -> bool:
        """Replace a value unless its version is another than expected; return whether that was done."""
        ...

    async def lock(self, credential_id: str, field: str, *, now: datetime, until: datetime) -> bool:
        """Reserve the refresh of a value; return False while another server has reserved it."""
        ...

    async def unlock(self, credential_id: str, field: str) -> None:
        """End a reservation."""
        ...
