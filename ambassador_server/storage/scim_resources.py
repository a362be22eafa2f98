"""The repository of what issuers describe by SCIM."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, func, select

from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.storage.object_mappings import SCIM_RESOURCES
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.tables import scim_resources, users
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_key, portions_of_keys


class ScimResourceRepository(TableRepository[ScimResource]):
    """Implements `ports.repositories.ScimResourceRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, SCIM_RESOURCES)

    async def count(self, issuer_id: str, kind: ScimKind) -> int:
        """Return how many resources of a kind an issuer describes."""
        counted = select(func.count()).select_from(scim_resources).where(_of(issuer_id, kind))
        return int((await self._transaction.rows(counted))[0][0])

    async def window(self, issuer_id: str, kind: ScimKind, *, start: int, limit: int) -> list[ScimResource]:
        """Return some of the resources of a kind that an issuer describes, ordered by `name_key`."""
        await self._lock_shared()
        # There is an index in this order, so that a page costs what is on it.
        found = select(scim_resources).where(_of(issuer_id, kind)).order_by(scim_resources.c.name_key)
        rows = await self._transaction.rows(found.offset(start).limit(limit))
        return [SCIM_RESOURCES.from_row(row) for row in rows]

    async def user_names(self, issuer_id: str, user_ids: Collection[str]) -> dict[str, str]:
        """Return the names of those of these users whom an issuer describes, by their ids."""
        await self._lock_shared()
        found: dict[str, str] = {}
        for portion in portions_of_keys(user_ids):
            described = (
                select(users.c.user_id, users.c.name)
                .join(scim_resources, scim_resources.c.resource_id == users.c.user_id)
                .where(_of(issuer_id, ScimKind.USER), scim_resources.c.resource_id.in_(portion))
            )
            found.update((row[0], row[1]) for row in await self._transaction.rows(described))
        return found


def _of(issuer_id: str, kind: ScimKind) -> ColumnElement[bool]:
    check_key(issuer_id, "The issuer_id")
    return and_(scim_resources.c.issuer_id == issuer_id, scim_resources.c.kind == kind)
