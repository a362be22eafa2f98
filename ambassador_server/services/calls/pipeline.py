"""The pipeline of one governed request: resolve, decide, record, send, record."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Final

from msgspec.structs import replace

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.credential_needs import NO_CREDENTIALS
from ambassador_server.domain.catalog.mcps import Mcp, Pin
from ambassador_server.domain.policy.argument_checks import CallParams
from ambassador_server.domain.policy.decide import DEFINITION_CHANGED, STALE, decide
from ambassador_server.domain.policy.decision import UNKNOWN, Decision, Deny
from ambassador_server.domain.shared.large_documents import LARGE, off_loop
from ambassador_server.errors import (
    AmbassadorError,
    AuditUnavailableError,
    DefinitionChangedError,
    DownstreamUnavailableError,
    failure_reason,
)
from ambassador_server.ports.clock import Clock
from ambassador_server.ports.credentials import Credential
from ambassador_server.ports.exchange import NeutralRequest, Reply
from ambassador_server.services.calls.admission import Admission
from ambassador_server.services.calls.call_rates import CallRates
from ambassador_server.services.calls.call_records import CallRecords, resource_of
from ambassador_server.services.calls.capability_call import (
    Answered,
    CapabilityCall,
    argument_bytes,
    downstream_params,
)
from ambassador_server.services.calls.catalog import Catalog
from ambassador_server.services.calls.catalog_index import CatalogEntry, ToolEntry
from ambassador_server.services.calls.downstream_calls import DownstreamCalls, Lent
from ambassador_server.services.calls.in_flight import CallInFlight, CallsInFlight, CallStoppedError
from ambassador_server.services.changes.policy_keeper import PolicyKeeper

_QUESTIONS: Final = b'"inputRequests"'
_LARGE_ANSWER: Final = 64 * 1024
"""A smaller answer without notices fits into the buffer of its connection: its task does not wait for the reader."""
_UNKNOWN = {kind: Deny(reason) for kind, reason in UNKNOWN.items()}


class CallPipeline:
    """Decides, records and forwards the requests of every face."""

    def __init__(
        self,
        *,
        policy: PolicyKeeper,
        catalog: Catalog,
        in_flight: CallsInFlight,
        records: CallRecords,
        downstreams: DownstreamCalls,
        clock: Clock,
        rates: CallRates,
        admission: Admission,
    ) -> None:
        self._policy = policy
        self._catalog = catalog
        self._in_flight = in_flight
        self._records = records
        self._recorder = records.recorder
        self._downstreams = downstreams.downstreams
        self._credentials = downstreams
        self._is_error = records.payloads.is_error_result
        self._clock = clock
        self._rates = rates
        self._admission = admission
        self._approvals = admission.approvals
        self._enter_limits = admission.limits.enter

    async def call(self, call: CapabilityCall) -> Answered | Deny:
        """Run one call, or return why it is denied. Raises RateLimitedError, AuditUnavailableError, and its errors."""
        raw = argument_bytes(call)
        refused = self._rates.take(call.principal.key_id, call.name, raw)
        if refused is not None:
            await self._records.refuse_rate(call, refused)
        entry = self._catalog.resolve(call.kind, call.name)
        decision = self._decide(call, entry)
        resource = resource_of(entry, call)
        if entry is None or isinstance(decision, Deny):
            return await self._without_entry(call, resource, decision, entry)
        snapshot = self._policy.snapshot
        mcp = snapshot.mcps[entry.ref.mcp_id]
        try:
            # Registered before the attempt is written, so that a permission that is lost meanwhile stops the call.
            with self._in_flight.register(call.principal, entry.ref) as running:
                if entry.edits is not None:
                    call, decision = await self._admission.edit(call, entry, entry.edits, decision)
                    raw = argument_bytes(call)
                running.sent = call
                if decision.approval is not None:
                    snapshot = await self._approvals.find(call, entry, decision, running)
                if snapshot.limits is not None:
                    self._enter_limits(snapshot, call.principal, entry.ref, len(raw), running)
                principal, credentials = call.principal, self._credentials
                lent: Lent | None = (
                    None
                    if mcp.credentials is NO_CREDENTIALS
                    else credentials.known(principal.user_id, mcp, principal.token)
                    or await credentials.lend(principal, mcp)
                )
                read = self._records.arguments
                arguments = read(entry, raw) if len(raw) <= LARGE else await off_loop(read, entry, raw)
                used = running.used = None if running.approval is None else await running.approval.use()
                await self._records.attempt(call, mcp, entry, decision, arguments, len(raw), lent, used)
                outcome, recorded = await self._forward(call, entry, mcp, lent, resource, running)
        except CallStoppedError as stopped:
            return await self._records.deny(call, resource, stopped.deny)
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

    async def _without_entry(
        self, call: CapabilityCall, resource: Resource, decision: Decision, entry: CatalogEntry | None
    ) -> Answered | Deny:
        """Serve a call of one of our own tools; every other one is denied."""
        answer: Answered | Decision = decision
        is_unknown = entry is None and decision is not STALE
        found = self._catalog.own.find(call, self._catalog.index()) if is_unknown else None
        if found is not None:
            answer = await found.serve(call, self._catalog.view(call.principal), self.call)
        if isinstance(answer, Answered):
            return answer
        return await self._records.deny(
            call, resource, answer if isinstance(answer, Deny) else _UNKNOWN[call.kind]
        )

    def _decide(self, call: CapabilityCall, entry: CatalogEntry | None) -> Decision:
        moment = self._policy.current_moment()
        if entry is None:
            # A stale catalog may lack the tool; and the two answers together would tell which hidden tools exist.
            return STALE if moment.stale else _UNKNOWN[call.kind]
        snapshot, params = self._policy.snapshot, None
        # Arguments that are edited first are decided about when they are those of the downstream, see `Admission`.
        if snapshot.checks and entry.edits is None and call.sends_name:
            params = CallParams(call.members)
        return decide(snapshot, call.principal, entry.ref, moment, params)

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
            params=downstream_params(call, entry.encoded_name),
            capabilities=call.capabilities,
            tell=call.tell,
            ask=None if call.ask is None else self._records.recorded_ask(call, call.ask, entry, resource),
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
                reply = await self._credentials.send(call.principal, mcp, lent, send)
            seconds = self._clock.monotonic() - started
            if running.limits is not None:
                running.limits.check_result(len(reply.result or b""))
            if call.reads_questions and reply.result is not None and _QUESTIONS in reply.result:
                await self._records.questions(call, resource, reply.result)
            body = reply.result if reply.result is not None else reply.error or b""
            failed = reply.result is None or (
                self._is_error(body) if len(body) <= LARGE else await off_loop(self._is_error, body)
            )
        except DefinitionChangedError:
            raise CallStoppedError(DEFINITION_CHANGED) from None
        except AmbassadorError as error:
            return error, self._records.failed(call, resource, started, failure_reason(error))
        except asyncio.CancelledError as error:
            if not running.was_stopped_by(error):  # one that a kill switch stopped is recorded as denied
                _ = self._records.failed(call, resource, started, running.cancelled_by)
            raise
        recorded = self._recorder.answered(
            call.principal, call.origin, resource, seconds=seconds, result=body, failed=failed
        )
        return Answered(reply, mcp.mcp_id, entry.mcp_name, seconds, running.used), recorded

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
        edits = entry.edits
        timeout = mcp.call_timeout_seconds if edits is None else edits.timeout(mcp)
        if call.seconds is not None and call.seconds < timeout:
            timeout = call.seconds
        reply = self._downstreams.call(mcp.mcp_id, request, user_id=call.principal.user_id, timeout=timeout)
        return reply if edits is None else edits.bounded(call.method, reply)
