"""Keeps kill switches in force: what one of them stops cannot be removed and made again without it."""

from datetime import datetime

from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.errors import Advice, ConflictError
from ambassador_server.ports.store import UnitOfWork


async def is_stopped(work: UnitOfWork, scope: SwitchScope, target: str, now: datetime) -> bool:
    """Tell whether a kill switch of this scope and target is in force."""
    switches = await work.switches.all()
    return any((each.scope, each.target) == (scope, target) and each.is_active(now) for each in switches)


async def check_not_stopped(
    work: UnitOfWork, scope: SwitchScope, target: str, now: datetime, *, name: str
) -> None:
    """Raise ConflictError before an object is removed that a kill switch stops.

    A new object of the same name would have another id, so that the switch would not stop it.
    """
    if await is_stopped(work, scope, target, now):
        raise ConflictError(f"A kill switch stops {name}", advice=Advice.LIFT_SWITCH)
