"""Lets the server check a plan with dry runs, which change nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ambassador_admin.api.request import Request
from ambassador_admin.declarative.objects import Key, ObjectKind, references
from ambassador_admin.declarative.operation_requests import batch_request, has_batch_form, single_request
from ambassador_admin.declarative.operations import BATCH_LIMIT, Action, Operation
from ambassador_admin.errors import AdminError, ExitCode
from ambassador_admin.output.text import printable

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

MAX_REFUSALS = 20


@dataclass(slots=True)
class CheckResult:
    """The operations that the server would refuse, with its errors, and its warnings, each once."""

    refused: list[tuple[Operation, AdminError]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class PlanChecker:
    """Checks one plan: all operations that the server can check before the ones before them are carried out.

    An operation is checked together with the operations that create what it refers to, in one transaction. So neither
    the publication of a new MCP nor a key of a new user can be checked; both are requests of their own.
    """

    def __init__(self, api: "ApiClient", *, allow_unmatched: bool = False) -> None:
        self._api = api
        self._allow_unmatched = allow_unmatched
        self._unusable: set[tuple[ObjectKind, Key]] = set()
        self.result = CheckResult()

    def run(self, operations: tuple[Operation, ...]) -> None:
        """Check the operations, until too many are refused.

        Raises the error of a failed connection and of a missing right.
        """
        created = {(each.kind, each.key): each for each in operations if each.action is Action.CREATE}
        for batch in _batches((each for each in operations if has_batch_form(each)), created):
            self._check_batch(batch)
        for operation in operations:
            if not has_batch_form(operation) and not created.keys() & _names(operation):
                self._check_alone(operation)

    def _check_batch(self, batch: list[Operation]) -> None:
        left = [each for each in batch if not self._unusable & _names(each)]
        while left and len(self.result.refused) < MAX_REFUSALS:
            try:
                self._send(batch_request(left, allow_unmatched=self._allow_unmatched))
            except AdminError as error:
                if error.operation is None or not 0 <= error.operation < len(left):
                    raise
                failed = left[error.operation]
                self._refuse(failed, error)
                left = [each for each in left if each is not failed and not self._unusable & _names(each)]
            else:
                return

    def _check_alone(self, operation: Operation) -> None:
        if len(self.result.refused) >= MAX_REFUSALS:
            return
        try:
            self._send(single_request(operation))
        except AdminError as error:
            if error.exit_code in (ExitCode.NOT_AUTHENTICATED, ExitCode.UNREACHABLE):
                raise
            self._refuse(operation, error)

    def _send(self, request: Request) -> None:
        for warning in self._api.fetch(request.as_dry_run()).get("warnings", []):
            if warning not in self.result.warnings:
                self.result.warnings.append(warning)

    def _refuse(self, operation: Operation, error: AdminError) -> None:
        if error.exit_code is ExitCode.DENIED:
            raise error  # with the same key, the server would not check the others either
        if operation.action is Action.REMOVE and error.exit_code is ExitCode.NOT_FOUND:
            return  # another request has removed it already
        self.result.refused.append((operation, error))
        if operation.action is Action.CREATE:
            self._unusable.add((operation.kind, operation.key))


def refusal_line(operation: Operation, error: AdminError) -> str:
    """Return the file and line of a refused operation, if a file declares it, and the cause."""
    cause = error.message.removeprefix(f"operation {error.operation}: ")
    position = operation.position_of(cause)
    where = "" if position is None else f"{position}: "
    return printable(f"{where}{operation.label}: {cause}")


def _names(operation: Operation) -> set[tuple[ObjectKind, Key]]:
    """Return the object of an operation, and the objects that it refers to."""
    referred = {
        (kind, (name,)) for kind, name in references(operation.kind, operation.key, operation.attributes)
    }
    return referred | {(operation.kind, operation.key)}


def _batches(
    operations: Iterable[Operation], created: dict[tuple[ObjectKind, Key], Operation]
) -> Iterator[list[Operation]]:
    """Split the operations; each batch begins with the creation of everything that its operations refer to."""
    batch: dict[int, Operation] = {}
    for operation in operations:
        needed = [*(created[name] for name in sorted(created.keys() & _names(operation))), operation]
        new = {id(each): each for each in needed if id(each) not in batch}
        if batch and len(batch) + len(new) > BATCH_LIMIT:
            yield list(batch.values())
            batch, new = {}, {id(each): each for each in needed}
        batch |= new
    if batch:
        yield list(batch.values())
