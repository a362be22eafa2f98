"""The repositories of registrations at authorization servers and of connections that users have begun."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ambassador_server.domain.people.oauth_records import PendingConnection, StoredRegistration


class RegistrationRepository(Protocol):
    """Stores registrations; they are deleted with their MCP. Writing them does not raise the policy version."""

    async def add(self, item: StoredRegistration) -> None:
        """Store a new one; raises ConflictError if there is one for the same MCP and issuer."""
        ...

    async def find(self, mcp_id: str, issuer: str) -> StoredRegistration | None:
        """Return the registration for an MCP at an authorization server."""
        ...

    async def remove(self, item_id: str) -> None:
        """Delete one; raises NotFoundError."""
        ...

    async def of(self, **owners: str) -> list[StoredRegistration]:
        """Return those of one MCP, as in `of(mcp_id=...)`."""
        ...

    async def replace_version(self, registration: StoredRegistration, *, expected: int) -> bool:
        """Replace a registration unless its version is another than expected; return whether that was done."""
        ...

    async def lock(self, registration_id: str, *, now: datetime, until: datetime) -> bool:
        """Reserve registering again; return False while another server has reserved it."""
        ...

    async def unlock(self, registration_id: str) -> None:
        """End a reservation."""
        ...


class PendingConnectionRepository(Protocol):
    """Stores begun connections; they are deleted with their user or MCP."""

    async def add(self, item: PendingConnection) -> None:
        """Store a new one."""
        ...

    async def replace(self, item: PendingConnection) -> None:
        """Replace the one with the same id; raises NotFoundError."""
        ...

    async def remove(self, item_id: str) -> None:
        """Delete one; raises NotFoundError."""
        ...

    async def get(self, item_id: str) -> PendingConnection | None:
        """Return the one with this id."""
        ...

    async def of(self, **owners: str) -> list[PendingConnection]:
        """Return those of a user or an MCP, oldest first, as in `of(user_id=...)`."""
        ...

    async def by_state(self, digest: str) -> PendingConnection | None:
        """Return the one whose state has this digest."""
        ...

    async def count(self) -> int:
        """Return how many there are."""
        ...

    async def expired(self, now: datetime, *, limit: int) -> Sequence[PendingConnection]:
        """Return up to `limit` that have expired, oldest first."""
        ...
