"""Applies a plan in its order, in transactions, and records the result of each operation."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ambassador_admin.api.client_keys import revoke
from ambassador_admin.declarative.key_destinations import KeyDestination, interrupts_deferred
from ambassador_admin.declarative.objects import ObjectKind
from ambassador_admin.declarative.operation_requests import batch_request, must_be_sent_alone, single_request
from ambassador_admin.declarative.operations import Action, Operation, Phase, batches
from ambassador_admin.errors import AdminError, ExitCode

if TYPE_CHECKING:
    from ambassador_admin.api.client import ApiClient

MAX_FAILURES = 20

_TEMPORARY = (ExitCode.NOT_AUTHENTICATED, ExitCode.UNREACHABLE)


@dataclass(slots=True)
class ApplyResult:
    """The result of applying a plan; an operation in neither list was not tried, or its result is unknown.

    `aborted_by` is the error that ended the run early, `warnings` are those of the server.
    """

    done: list[Operation] = field(default_factory=list)
    failed: list[tuple[Operation, AdminError]] = field(default_factory=list)
    aborted_by: AdminError | None = None
    warnings: list[str] = field(default_factory=list)


class PlanRunner:
    """Applies one plan; `advance` is called with the number of operations that have a result."""

    def __init__(
        self,
        api: "ApiClient",
        destination: KeyDestination | None,
        advance: Callable[[int], None] = lambda _: None,
        *,
        allow_unmatched: bool = False,
    ) -> None:
        self._api = api
        self._allow_unmatched = allow_unmatched
        self._destination = destination
        self._advance = advance
        self._last_phase = max(Phase)
        self.result = ApplyResult()

    def run(self, operations: tuple[Operation, ...]) -> None:
        """Apply the operations in order, until an error ends the run; KeyboardInterrupt is passed on."""
        try:
            for alone, group in groupby(operations, key=must_be_sent_alone):
                if alone:
                    self._send_singly(list(group))
                else:
                    for batch in batches(group):
                        self._send_batch(batch)
        except AdminError as error:
            self.result.aborted_by = error

    def _send_batch(self, batch: list[Operation]) -> None:
        left = self._still_allowed(batch)
        while left:
            try:
                answer = self._api.fetch(batch_request(left, allow_unmatched=self._allow_unmatched))
            except AdminError as error:
                left = self._without_failed(left, error)
            else:
                self.result.warnings += answer.get("warnings", [])
                self._mark_done(left)
                return

    def _without_failed(self, batch: list[Operation], error: AdminError) -> list[Operation]:
        if error.operation is None or not 0 <= error.operation < len(batch):
            raise error
        failed = batch[error.operation]
        if failed.action is Action.REMOVE and error.exit_code is ExitCode.NOT_FOUND:
            self._mark_done([failed])  # another request has removed it already
        else:
            self._mark_failed(failed, error)
        atomic_group = (
            [failed]
            if not failed.atomic_group
            else [each for each in batch if each.atomic_group == failed.atomic_group]
        )
        return self._still_allowed([each for each in batch if each not in atomic_group])

    def _send_singly(self, operations: list[Operation]) -> None:
        for operation in operations:
            if operation.phase > self._last_phase:
                return
            try:
                if operation.kind is ObjectKind.KEY:
                    self._issue_key(operation)
                else:
                    warnings = self._api.fetch(single_request(operation)).get("warnings", [])
                    self.result.warnings += [f"{operation.label}: {each}" for each in warnings]
            except AdminError as error:
                if error.exit_code in _TEMPORARY and operation.kind is ObjectKind.KEY:
                    raise
                self._mark_failed(operation, error)
            else:
                self._mark_done([operation])

    def _issue_key(self, operation: Operation) -> None:
        with interrupts_deferred():
            issued = self._api.fetch(single_request(operation))
            secret = issued.get("preshared_key")
            if isinstance(secret, str) and self._destination is not None:
                with self._revoke_if_not_delivered(issued):
                    self._destination.deliver(operation.key[0], operation.key[1], secret)

    @contextmanager
    def _revoke_if_not_delivered(self, issued: dict[str, object]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            key = issued.get("key")
            key_id = str(key.get("id")) if isinstance(key, dict) else ""
            self._api.send(revoke(key_id))
            raise

    def _still_allowed(self, operations: list[Operation]) -> list[Operation]:
        return [each for each in operations if each.phase <= self._last_phase]

    def _mark_done(self, operations: list[Operation]) -> None:
        self.result.done += operations
        self._advance(len(operations))

    def _mark_failed(self, operation: Operation, error: AdminError) -> None:
        self.result.failed.append((operation, error))
        self._advance(1)
        # After a restriction that failed, no later phase may permit anything that relies on it.
        if operation.phase <= Phase.SWAP and operation.phase is not Phase.OBJECTS:
            self._last_phase = min(self._last_phase, max(operation.phase, Phase.DENY))
        if len(self.result.failed) >= MAX_FAILURES:
            raise AdminError(f"{MAX_FAILURES} operations failed; the others were not tried.")
