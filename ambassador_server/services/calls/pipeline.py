"""The pipeline of one governed request: resolve, decide, record, send, record."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS
from ambassador_server.domain.catalog.mcps import ArgumentPolicy, Mcp, Pin
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.policy.decide import DEFINITION_CHANGED, STALE, decide
from ambassador_server.domain.policy.decision import UNKNOWN, Decision, Deny, Permit
from ambassador_server.domain.secrets.marks import WITHHELD
from ambassador_server.domain.secrets.redaction import redact
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    DefinitionChangedError,
    DownstreamUnavailableError,
    InvalidInputError,
    failure_reason,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import Ask, NeutralRequest, Question, Reply, Tell, error_reply
from ambassador_server.ports.payload import PayloadReader
from ambassador_server.ports.throttle import RateRefusal
from ambassador_server.services.audit.rate_refusals import refuse_for_rate
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.calls.call_rates import CallRates
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry
from ambassador_server.services.calls.downstream_calls import DownstreamCalls, Lent
from ambassador_server.services.calls.in_flight import CallInFlight, CallsInFlight, CallStoppedError
from ambassador_server.services.calls.limits import CallLimits
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

NAME_MEMBER: Mapping[CapabilityKind, str] = {
    CapabilityKind.TOOL: "name",
    CapabilityKind.PROMPT: "name",
    CapabilityKind.RESOURCE: "uri",
}
"""The parameter that names a capability of each kind; in a reference it is a member of the reference."""

_QUESTIONS: Final = b'"inputRequests"'
_MAX_NAME = 256
_LARGE_ANSWER: Final = 64 * 1024
"""A smaller answer without notices fits into the buffer of its connection: its task does not wait for the reader."""
_LARGE_VALUES, _LARGE_SIZE, _FULL_VALUES = 500, 8192, 100_000
"""How much of large arguments is read for the record: less than redaction keeps, so it has nothing to count or cut."""
_COMMON_KEYS = {"arguments": b'"arguments"', "_meta": b'"_meta"'}
_UNKNOWN = {kind: Deny(reason) for kind, reason in UNKNOWN.items()}


class CapabilityCall(Struct, frozen=True, kw_only=True):
    """A request for one capability, as it came in: `method` is the protocol's, `name` is in any accepted form.

    `members` holds the raw JSON of every parameter that does not name the capability. If the capability is named by the
    parameter `ref`, `reference` holds the raw members of it; if it is not `sends_name`, no parameter names it.
    `capabilities` and what follows are those of the host, as in `NeutralRequest`. `answered` has the methods of the
    questions that a retried request brings answers to. `serve` answers what is permitted in place of the downstream,
    which then gets no request; it is given the credential of the user, if the MCP needs one.
    """

    principal: Principal
    origin: Origin
    kind: CapabilityKind
    method: str
    name: str
    members: Mapping[str, bytes]
    reference: Mapping[str, bytes] | None = None
    sends_name: bool = True
    capabilities: bytes = b"{}"
    tell: Tell | None = None
    ask: Ask | None = None
    reads_questions: bool = False
    log_level: str | None = None
    answered: tuple[str, ...] = ()
    serve: Callable[[CatalogEntry, Credential | None], Awaitable[Reply]] | None = None


class Answered(Struct, frozen=True):
    """The downstream's answer, byte for byte."""

    reply: Reply
    mcp_id: str
    mcp_name: str
    seconds: float


class CallPipeline:
    """Decides, records and forwards the requests of every face."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        catalog: Catalog,
        in_flight: CallsInFlight,
        recorder: Recorder,
        downstreams: DownstreamCalls,
        payloads: PayloadReader,
        clock: Clock,
        rates: CallRates,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._in_flight = in_flight
        self._recorder = recorder
        self._downstreams = downstreams.downstreams
        self._credentials = downstreams
        self._payloads = payloads
        self._is_error = payloads.is_error_result
        self._clock = clock
        self._rates = rates

    async def call(self, call: CapabilityCall) -> Answered | Deny:
        """Run one call, or return why it is denied.

        Raises RateLimitedError and AuditUnavailableError before anything ran, and the errors of the downstream.
        """
        raw = _arguments(call)
        refused = self._rates.take(call.principal.key_id, call.name, raw)
        if refused is not None:
            await self._refuse_for_rate(call, refused)
        entry = self._catalog.resolve(call.kind, call.name)
        decision = self._decide(call, entry)
        resource = _resource(entry, call)
        if entry is None or isinstance(decision, Deny):
            unknown = _UNKNOWN[call.kind]
            return await self._refuse(call, resource, decision if isinstance(decision, Deny) else unknown)
        snapshot = self._policy.snapshot
        mcp = snapshot.mcps[entry.ref.mcp_id]
        lent: Lent | None = None
        try:
            # Registered before the attempt is written, so that a permission that is lost meanwhile stops the call.
            with self._in_flight.register(call.principal, entry.ref) as running:
                if entry.edits is not None or decision.constrained or snapshot.limits is not None:
                    call, raw, decision = await _admitted(
                        self._policy, self._rates.limits, call, entry, decision, running
                    )
                if mcp.credentials is not NO_CREDENTIALS:
                    user_id = call.principal.user_id
                    lent = self._credentials.known(user_id, mcp) or await self._credentials.lend(user_id, mcp)
                arguments = (
                    self._recorded_arguments(entry, raw)
                    if len(raw) <= LARGE
                    else await off_loop(self._recorded_arguments, entry, raw)
                )
                await self._record_attempt(call, mcp, resource, decision, arguments, len(raw), lent)
                if call.answered:
                    self._record_answers(call, resource)
                outcome, recorded = await self._forward(call, entry, mcp, lent, resource, running)
        except CallStoppedError as stopped:
            return await self._refuse(call, resource, stopped.deny)
        # Outside the block: what stops a call after its outcome is recorded comes too late. The caller gets the answer
        # even if the log has failed since the attempt, because the call has run.
        try:  # noqa: SIM105 - it costs nothing here
            await recorded
        except AuditUnavailableError:
            pass
        if isinstance(outcome, AmbassadorError):
            raise outcome
        if len(outcome.reply.result or b"") > _LARGE_ANSWER or call.tell is not None:
            self._in_flight.watch_answer(running)
        return outcome

    def _decide(self, call: CapabilityCall, entry: CatalogEntry | None) -> Decision:
        moment = self._policy.current_moment()
        if entry is None:
            # A stale catalog may lack the tool; and the two answers together would tell which hidden tools exist.
            return STALE if moment.stale else _UNKNOWN[call.kind]
        return decide(self._policy.snapshot, call.principal, entry.ref, moment)

    async def _refuse_for_rate(self, call: CapabilityCall, refused: RateRefusal) -> NoReturn:
        await refuse_for_rate(
            self._recorder,
            refused,
            CALL_ACTIONS[CallStep.DENY][call.kind],
            principal=call.principal,
            origin=call.origin,
            resource=_resource(None, call),
            does="calls",
        )

    async def _refuse(self, call: CapabilityCall, resource: Resource, deny: Deny) -> Deny:
        await self._recorder.denied(call.principal, call.origin, resource, deny, method=call.method)
        return deny

    async def _forward(
        self,
        call: CapabilityCall,
        entry: CatalogEntry,
        mcp: Mcp,
        lent: Lent | None,
        resource: Resource,
        running: CallInFlight,
    ) -> tuple[Answered | AmbassadorError, Awaitable[None]]:
        """Return the outcome, and what ends when the log has its record."""
        request = NeutralRequest(
            method=call.method,
            params=_downstream_params(call, entry.encoded_name),
            capabilities=call.capabilities,
            tell=call.tell,
            ask=None if call.ask is None else self._recorded_ask(call, call.ask, entry, resource),
            reads_questions=call.reads_questions,
            log_level=call.log_level,
            tool=entry.offered if isinstance(entry, ToolEntry) else None,
            pinned=mcp.pin is Pin.BLOCK,
            credential=lent if isinstance(lent, Credential) else None,
        )
        started = self._clock.monotonic()
        try:
            if lent is None:
                reply = await self._send(call, entry, mcp, request)
            else:
                send = partial(self._send, call, entry, mcp, request)
                reply = await self._credentials.send(call.principal.user_id, mcp, lent, send)
            seconds = self._clock.monotonic() - started
            if running.limits is not None:
                running.limits.check_result(len(reply.result or b""))
            if call.reads_questions and reply.result is not None and _QUESTIONS in reply.result:
                await self._record_questions(call, resource, reply.result)
            body = reply.result if reply.result is not None else reply.error or b""
            failed = reply.result is None or (
                self._is_error(body) if len(body) <= LARGE else await off_loop(self._is_error, body)
            )
        except DefinitionChangedError:
            raise CallStoppedError(DEFINITION_CHANGED) from None
        except AmbassadorError as error:
            return error, self._failed(call, resource, started, failure_reason(error))
        except asyncio.CancelledError as error:
            if not running.was_stopped_by(error):  # one that a kill switch stopped is recorded as denied
                _ = self._failed(call, resource, started, running.cancelled_by)
            raise
        recorded = self._recorder.answered(
            call.principal, call.origin, resource, seconds=seconds, result=body, failed=failed
        )
        return Answered(reply, mcp.mcp_id, entry.mcp_name, seconds), recorded

    def _record_attempt(
        self,
        call: CapabilityCall,
        mcp: Mcp,
        resource: Resource,
        permit: Permit,
        arguments: Any,
        size: int,
        lent: Lent | None,
    ) -> Awaitable[None]:
        return self._recorder.attempt(
            call.principal,
            call.origin,
            resource,
            permit.grant_id,
            arguments=arguments,
            size=size,
            method=call.method,
            generation=None if lent is None else _generation(mcp, lent),
        )

    def _send(
        self,
        call: CapabilityCall,
        entry: CatalogEntry,
        mcp: Mcp,
        request: NeutralRequest,
        credential: Credential | None = None,
    ) -> Awaitable[Reply]:
        """Send the request; with a credential, only if the MCP has not moved since that was lent for it."""
        if credential is not None:
            now = self._policy.snapshot.mcps.get(mcp.mcp_id)
            if now is not mcp and (now is None or not now.has_same_connection(mcp)):
                raise DownstreamUnavailableError(f"{mcp.name} was changed meanwhile; call again")
            if request.credential is not credential:
                request = replace(request, credential=credential)
        if call.serve is not None:
            return call.serve(entry, request.credential)
        reply = self._downstreams.call(
            mcp.mcp_id, request, user_id=call.principal.user_id, timeout=mcp.call_timeout_seconds
        )
        return reply if entry.edits is None else entry.edits.bounded(call.method, reply)

    def _failed(
        self, call: CapabilityCall, resource: Resource, started: float, reason: str
    ) -> Awaitable[None]:
        seconds = self._clock.monotonic() - started
        return self._recorder.failed(call.principal, call.origin, resource, seconds=seconds, reason=reason)

    async def _record_questions(self, call: CapabilityCall, resource: Resource, result: bytes) -> None:
        """Record the questions in a result before the host reads them; raises AuditUnavailableError."""
        read = self._payloads.asked_methods
        for method in read(result) if len(result) <= LARGE else await off_loop(read, result):
            await self._recorder.question(call.principal, call.origin, resource, method)

    def _record_answers(self, call: CapabilityCall, resource: Resource) -> None:
        for method in call.answered:
            _ = self._recorder.question_answered(call.principal, call.origin, resource, method, refused=False)

    def _recorded_ask(self, call: CapabilityCall, ask: Ask, entry: CatalogEntry, resource: Resource) -> Ask:
        """Return `ask` with a record of each question and of its answer, and with the name of the MCP that asks."""

        async def recorded(question: Question) -> Reply:
            method = question.method
            try:
                await self._recorder.question(call.principal, call.origin, resource, method)
            except AuditUnavailableError as error:
                return error_reply(error.message)
            reply = await ask(replace(question, asked_by=entry.mcp_name))
            _ = self._recorder.question_answered(
                call.principal, call.origin, resource, method, refused=reply.result is None
            )
            return reply

        return recorded

    def _recorded_arguments(self, entry: CatalogEntry, raw: bytes) -> Any:
        policy = self._policy.snapshot.mcps[entry.ref.mcp_id].arguments
        if policy is ArgumentPolicy.NONE or not raw:
            return None
        try:
            if len(raw) <= LARGE:
                value = self._payloads.value(raw)
            elif policy is ArgumentPolicy.FULL:
                value = self._payloads.beginning(raw, values=_FULL_VALUES, size=len(raw))
            else:
                value = self._payloads.beginning(raw, values=_LARGE_VALUES, size=_LARGE_SIZE)
        except InvalidInputError:
            # What cannot be recorded may still have a meaning for the downstream.
            return WITHHELD
        return redact(value, policy)


async def _admitted(
    policy: PolicyKeeper,
    limits: CallLimits,
    call: CapabilityCall,
    entry: CatalogEntry,
    permit: Permit,
    running: CallInFlight,
) -> tuple[CapabilityCall, bytes, Permit]:
    """Return the call with the arguments that the downstream gets, and what permits these; and count it.

    Raises CallStoppedError for arguments that are not permitted, and for limits.
    """
    if entry.edits is not None:
        members = await entry.edits.arguments(call.method, call.members)
        if isinstance(members, Deny):
            raise CallStoppedError(members)
        call = replace(call, members=members)
    snapshot, raw = policy.snapshot, _arguments(call)
    # A request about a task is no call with arguments of its own.
    if permit.constrained and call.sends_name:
        decision = decide(snapshot, call.principal, entry.ref, policy.current_moment(), call.members)
        if isinstance(decision, Deny):
            raise CallStoppedError(decision)
        permit = decision
    limits.enter(snapshot, call.principal, entry.ref, len(raw), running)
    return call, raw, permit


def _resource(entry: CatalogEntry | None, call: CapabilityCall) -> Resource:
    return Resource(kind=call.kind, id=None, name=call.name[:_MAX_NAME]) if entry is None else entry.resource


def _generation(mcp: Mcp, lent: Lent) -> str | None:
    """Return what the audit records of a credential, if it is that of the user."""
    return lent.generation if isinstance(lent, Credential) and mcp.credentials.is_per_user else None


def _arguments(call: CapabilityCall) -> bytes:
    """Return what the audit records of the params: the arguments, or the one argument to complete."""
    return call.members.get("arguments" if call.reference is None else "argument", b"")


def _downstream_params(call: CapabilityCall, encoded_name: bytes) -> bytes:
    """Put the downstream's own name in front of the untouched members."""
    parts = [_encoded_key(each) + b":" + raw for each, raw in call.members.items()]
    if call.sends_name:
        named = b'"%b":%b' % (NAME_MEMBER[call.kind].encode(), encoded_name)
        parts.insert(0, named if call.reference is None else _reference(named, call.reference, call.kind))
    return b"{" + b",".join(parts) + b"}"


def _reference(named: bytes, members: Mapping[str, bytes], kind: CapabilityKind) -> bytes:
    others = [_encoded_key(each) + b":" + raw for each, raw in members.items() if each != NAME_MEMBER[kind]]
    return b'"ref":{' + b",".join([named, *others]) + b"}"


def _encoded_key(key: str) -> bytes:
    return _COMMON_KEYS.get(key) or json.dumps(key).encode()
