"""Records the steps of a call: what it was, why it was denied, what it asked, how it ended."""

from collections.abc import Awaitable
from typing import Any, NoReturn

from msgspec.structs import replace

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Mcp, Pin
from ambassador_server.domain.policy.decision import Deny, Permit
from ambassador_server.domain.secrets.marks import WITHHELD
from ambassador_server.domain.secrets.redaction import redact
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.errors import AuditUnavailableError, InvalidInputError
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, Question, Reply, error_reply
from ambassador_server.ports.payload import PayloadReader
from ambassador_server.ports.throttle import RateRefusal
from ambassador_server.services.audit.rate_refusals import refuse_for_rate
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.calls.capability_call import CapabilityCall, UsedApproval
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.downstream_calls import Lent
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_MAX_NAME = 256
_SHOWN_GENERATION = 8
"""How many characters of the generation of a credential tell it from the others of its user."""
_LARGE_VALUES, _LARGE_SIZE, _FULL_VALUES = 500, 8192, 100_000
"""How much of large arguments is read for the record: less than redaction keeps, so it has nothing to count or cut."""


class CallRecords:
    """Writes the records of calls."""

    def __init__(
        self, *, policy: PolicyKeeper, recorder: Recorder, payloads: PayloadReader, clock: Clock
    ) -> None:
        self._policy = policy
        self.recorder = recorder
        self.payloads = payloads
        self._clock = clock

    async def refuse_rate(self, call: CapabilityCall, refused: RateRefusal) -> NoReturn:
        """Record that the key of the call has to wait, and raise RateLimitedError."""
        await refuse_for_rate(
            self.recorder,
            refused,
            CALL_ACTIONS[CallStep.DENY][call.kind],
            principal=call.principal,
            origin=call.origin,
            resource=resource_of(None, call),
            does="calls",
        )

    async def deny(self, call: CapabilityCall, resource: Resource, deny: Deny) -> Deny:
        """Record a denied call, and return why."""
        await self.recorder.denied(call.principal, call.origin, resource, deny, method=call.method)
        return deny

    def attempt(
        self,
        call: CapabilityCall,
        mcp: Mcp,
        entry: CatalogEntry,
        permit: Permit,
        arguments: Any,
        size: int,
        lent: Lent | None,
        used: UsedApproval | None = None,
    ) -> Awaitable[None]:
        """Record that the call is about to be sent, with the questions that it brings answers to.

        With the pin `warn` it says so if the definition of the tool waits for an approval.

        What is returned raises AuditUnavailableError.
        """
        resource = entry.resource
        more = None if lent is None and used is None else _used(mcp, lent, used)
        if mcp.pin is Pin.WARN and entry.ref.digest is not None:
            approved = self._policy.snapshot.approved.get(mcp.mcp_id)
            if approved is None or entry.ref.digest not in approved.every_digest:
                more = {**(more or {}), "definition": entry.ref.digest}
        written = self.recorder.attempt(
            call.principal,
            call.origin,
            resource,
            permit.grant_id,
            arguments=arguments,
            size=size,
            method=call.method,
            more=more,
        )
        for method in call.answered:
            _ = self.recorder.question_answered(call.principal, call.origin, resource, method, refused=False)
        return written

    def failed(
        self, call: CapabilityCall, resource: Resource, started: float, reason: str
    ) -> Awaitable[None]:
        """Record that the call failed for this reason; `started` is a monotonic time in seconds."""
        seconds = self._clock.monotonic() - started
        return self.recorder.failed(call.principal, call.origin, resource, seconds=seconds, reason=reason)

    async def questions(self, call: CapabilityCall, resource: Resource, result: bytes) -> None:
        """Record the questions in a result before the host reads them; raises AuditUnavailableError."""
        read = self.payloads.asked_methods
        for method in read(result) if len(result) <= LARGE else await off_loop(read, result):
            await self.recorder.question(call.principal, call.origin, resource, method)

    def recorded_ask(self, call: CapabilityCall, ask: Ask, entry: CatalogEntry, resource: Resource) -> Ask:
        """Return `ask` with a record of each question and of its answer, and with the name of the MCP that asks."""

        async def recorded(question: Question) -> Reply:
            method = question.method
            try:
                await self.recorder.question(call.principal, call.origin, resource, method)
            except AuditUnavailableError as error:
                return error_reply(error.message)
            reply = await ask(replace(question, asked_by=entry.mcp_name))
            _ = self.recorder.question_answered(
                call.principal, call.origin, resource, method, refused=reply.result is None
            )
            return reply

        return recorded

    def arguments(self, entry: CatalogEntry, raw: bytes) -> Any:
        """Return what is recorded of the arguments, as the policy of the MCP for them says."""
        policy = self._policy.snapshot.mcps[entry.ref.mcp_id].arguments
        if policy is ArgumentPolicy.NONE or not raw:
            return None
        try:
            if len(raw) <= LARGE:
                value = self.payloads.value(raw)
            elif policy is ArgumentPolicy.FULL:
                value = self.payloads.beginning(raw, values=_FULL_VALUES, size=len(raw))
            else:
                value = self.payloads.beginning(raw, values=_LARGE_VALUES, size=_LARGE_SIZE)
        except InvalidInputError:
            # What cannot be recorded may still have a meaning for the downstream.
            return WITHHELD
        return redact(value, policy)


def resource_of(entry: CatalogEntry | None, call: CapabilityCall) -> Resource:
    """Return what the records call the capability, also if there is none of that name."""
    return Resource(kind=call.kind, id=None, name=call.name[:_MAX_NAME]) if entry is None else entry.resource


def _used(mcp: Mcp, lent: Lent | None, used: UsedApproval | None) -> dict[str, str]:
    """Return what the audit records of a credential, if it is that of the user, and of an approval."""
    details: dict[str, str] = {}
    if isinstance(lent, Credential) and mcp.credentials.is_per_user:
        details["generation"] = lent.generation[:_SHOWN_GENERATION]
    if used is not None:
        details["approval_request"] = used.request_id
    return details
