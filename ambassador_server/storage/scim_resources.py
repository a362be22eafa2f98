"""The repository of what issuers describe by SCIM."""

from sqlalchemy import ColumnElement, and_, func, select

from ambassador_server.domain.people.scim_resources import ScimKind, ScimResource
from ambassador_server.storage.object_mappings import SCIM_RESOURCES
from ambassador_server.storage.repositories import TableRepository
from ambassador_server.storage.tables import scim_resources
from ambassador_server.storage.transaction import Transaction
from ambassador_server.storage.value_checks import check_key


class ScimResourceRepository(TableRepository[ScimResource]):
    """Implements `ports.repositories.ScimResourceRepository`."""

    def __init__(self, transaction: Transaction) -> None:
        super().__init__(transaction, SCIM_RESOURCES)

    async def count(self, issuer_id: str, kind: ScimKind) -> int:
        """Return how many resources of a kind an issuer describes."""
        counted = select(func.count()).select_from(scim_resources).where(_of(issuer_id, kind))
        return int((await self._transaction.rows(counted))[0][0])

    async def window(self, issuer_id: str, kind: ScimKind, *, start: int, limit: int) -> list[ScimResource]:
        """Return some of the resources of a kind that an issuer describes, in the order of `all`."""
        await self._lock_shared()
        found = select(scim_resources).where(_of(issuer_id, kind)).order_by(*SCIM_RESOURCES.order)
        rows = await self._transaction.rows(found.offset(start).limit(limit))
        return [SCIM_RESOURCES.from_row(row) for row in rows]


def _of(issuer_id: str, kind: ScimKind) -> ColumnElement[bool]:
    check_key(issuer_id, "The issuer_id")
    return and_(scim_resources.c.issuer_id == issuer_id, scim_resources.c.kind == kind)
