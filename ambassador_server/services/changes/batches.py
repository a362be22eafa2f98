"""Several changes as one: each with its own right, through the service it belongs to, all of them or none."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right
from ambassador_server.errors import (
    ConflictError,
    InvalidInputError,
    MissingRightError,
    NotFoundError,
    OperationFailedError,
)
from ambassador_server.services.changes.audited_change import Changes


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: the right it takes, and what it does."""

    right: Right
    run: Callable[[Requester], Awaitable[object]]


class Batches:
    """Carries out batches."""

    def __init__(self, *, changes: Changes) -> None:
        self._changes = changes

    async def run(self, requester: Requester, steps: Sequence[Step]) -> None:
        """Do everything, or nothing. Raises OperationFailedError that says which step cannot be done, and why."""
        at = 0
        try:
            async with self._changes.together(requester):
                for at, step in enumerate(steps):  # noqa: B007 # the error says where it was
                    _check_right(requester, step.right)
                for at, step in enumerate(steps):  # noqa: B007
                    await step.run(requester)
        except (InvalidInputError, MissingRightError, NotFoundError, ConflictError) as error:
            raise OperationFailedError(at, error) from error


def _check_right(requester: Requester, right: Right) -> None:
    if requester.administrator is not None and not requester.administrator.may(right):
        raise MissingRightError(f"You lack the right {right.value!r}", reason=f"missing_right:{right}")
