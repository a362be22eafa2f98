"""Keeps limits in force: what one of them bounds cannot be removed and made again without it."""

from ambassador_server.domain.policy.limits import LimitScope
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.store import UnitOfWork


async def check_not_limited(work: UnitOfWork, scope: LimitScope, target: str, *, name: str) -> None:
    """Raise ConflictError before an object is removed, or a tool is renamed, that a limit is about.

    A new object of the same name has another id, and a tool another name, so that the limit would not bound it.
    """
    for limit in await work.limits.all():
        if (limit.scope, limit.target) == (scope, target):
            raise ConflictError(
                f"Limit {limit.name!r} is about {name}", advice=Advice.REMOVE_LIMIT, limit=limit.name
            )
