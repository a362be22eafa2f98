"""Carries out several operations as one change: all of them, or none."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ambassador_server.domain.audit.actors import Requester
from ambassador_server.domain.people.administrators import Right, missing_right
from ambassador_server.errors import (
    ConflictError,
    InvalidInputError,
    MissingRightError,
    NotFoundError,
    OperationFailedError,
)
from ambassador_server.services.changes.audited_change import Changes
from ambassador_server.services.changes.writing import Written


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a batch: the right that it requires, and the use case that it runs."""

    right: Right
    run: Callable[[Requester], Awaitable[object]]


class Batches:
    """Carries out batches."""

    def __init__(self, *, changes: Changes) -> None:
        self._changes = changes

    async def run(self, requester: Requester, steps: Sequence[Step]) -> list[str]:
        """Run all steps, or none, and return their warnings.

        Raises OperationFailedError with the number of the step that failed.
        """
        number, warnings = 0, list[str]()
        try:
            async with self._changes.together(requester):
                for number, step in enumerate(steps):  # noqa: B007 # used by the error
                    _check_right(requester, step.right)
                for number, step in enumerate(steps):  # noqa: B007
                    done = await step.run(requester)
                    if isinstance(done, Written):
                        warnings += done.warnings
        except (InvalidInputError, MissingRightError, NotFoundError, ConflictError) as error:
            raise OperationFailedError(number, error) from error
        return warnings


def _check_right(requester: Requester, right: Right) -> None:
    if requester.administrator is not None and not requester.administrator.may(right):
        raise missing_right(right)
