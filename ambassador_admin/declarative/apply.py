"""Carries out a plan: transaction by transaction, in its order, and keeps account of what became of each operation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ambassador_admin.api.keys import revoke
from ambassador_admin.declarative.key_destinations import Handover, uninterrupted
from ambassador_admin.declarative.objects import Kind
from ambassador_admin.declarative.operations import Action, Operation, Phase, batches
from ambassador_admin.declarative.requests import batch_request, goes_alone, single_request
from ambassador_admin.errors import AdminError, ExitCode

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

MAX_FAILURES = 20

_PASSING = (ExitCode.NOT_AUTHENTICATED, ExitCode.UNREACHABLE)


@dataclass(slots=True)
class Account:
    """What became of a plan; an operation in neither list was not tried, or nobody knows."""

    done: list[Operation] = field(default_factory=list)
    failed: list[tuple[Operation, AdminError]] = field(default_factory=list)
    broke_off: AdminError | None = None


class Application:
    """One run of a plan. `advance` is called with the number of operations that are settled."""

    def __init__(
        self, api: "ApiClient", handover: Handover | None, advance: Callable[[int], None] = lambda _: None
    ) -> None:
        self._api = api
        self._handover = handover
        self._advance = advance
        self._last = max(Phase)
        self.account = Account()

    def run(self, operations: tuple[Operation, ...]) -> None:
        """Carry out the operations as far as it goes; an interrupt passes through, the account stands."""
        try:
            for alone, group in groupby(operations, key=goes_alone):
                if alone:
                    self._one_by_one(list(group))
                else:
                    for batch in batches(group):
                        self._together(batch)
        except AdminError as error:
            self.account.broke_off = error

    def _together(self, batch: list[Operation]) -> None:
        left = self._allowed(batch)
        while left:
            try:
                self._api.fetch(batch_request(left))
            except AdminError as error:
                left = self._without_failed(left, error)
            else:
                self._settle(left)
                return

    def _without_failed(self, batch: list[Operation], error: AdminError) -> list[Operation]:
        if error.operation is None or not 0 <= error.operation < len(batch):
            raise error
        culprit = batch[error.operation]
        if culprit.action is Action.REMOVE and error.exit_code is ExitCode.NOT_FOUND:
            self._settle([culprit])  # somebody else was faster, and it is gone as it should be
        else:
            self._fail(culprit, error)
        unit = [culprit] if not culprit.unit else [each for each in batch if each.unit == culprit.unit]
        return self._allowed([each for each in batch if each not in unit])

    def _one_by_one(self, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.phase > self._last:
                return
            try:
                if operation.kind is Kind.KEY:
                    self._key(operation)
                else:
                    self._api.send(single_request(operation))
            except AdminError as error:
                if error.exit_code in _PASSING and operation.kind is Kind.KEY:
                    raise
                self._fail(operation, error)
            else:
                self._settle([operation])

    def _key(self, operation: Operation) -> None:
        with uninterrupted():
            issued = self._api.fetch(single_request(operation))
            secret = issued.get("preshared_key")
            if isinstance(secret, str) and self._handover is not None:
                with self._revoked_unless_taken(issued):
                    self._handover.take(operation.key[0], operation.key[1], secret)

    @contextmanager
    def _revoked_unless_taken(self, issued: dict[str, object]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            key = issued.get("key")
            key_id = str(key.get("id")) if isinstance(key, dict) else ""
            self._api.send(revoke(key_id))
            raise

    def _allowed(self, operations: list[Operation]) -> list[Operation]:
        return [each for each in operations if each.phase <= self._last]

    def _settle(self, operations: list[Operation]) -> None:
        self.account.done += operations
        self._advance(len(operations))

    def _fail(self, operation: Operation, error: AdminError) -> None:
        self.account.failed.append((operation, error))
        self._advance(1)
        # What narrows and did not happen must not be followed by what counts on it.
        if operation.phase <= Phase.SWAP and operation.phase is not Phase.OBJECTS:
            self._last = min(self._last, max(operation.phase, Phase.DENY))
        if len(self.account.failed) >= MAX_FAILURES:
            raise AdminError(f"{MAX_FAILURES} operations failed; the rest was not tried.")
