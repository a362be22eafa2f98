"""The repository of the sealed values of users' credentials."""

from collections.abc import Mapping, Sequence
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

    async def key_counts(self) -> Mapping[int, int]:
        """Return how many values each master key has sealed."""
        ...

    async def sealed_by(self, key_number: int) -> StoredSecret | None:
        """Return one value that a master key has sealed, or None."""
        ...

    async def sealed_before(
        self, key_number: int, *, limit: int, after: tuple[str, str] | None = None
    ) -> Sequence[StoredSecret]:
        """Return up to `limit` values that a master key with a lower number has sealed, by credential and field.

        `after` is the credential and field of a value, behind which the list begins.
        """
        ...

    async def seal_again(self, secret: StoredSecret, *, expected: int, now: datetime) -> bool:
        """Replace the sealed content, key number and version, and nothing else; return whether that was done.

        It is not done if the version is another than expected, or while a server has reserved the refresh of the value:
        that server will replace the version that it knows.
        """
        ...
