"""The pipeline with spans: for each call, its decision and its downstream; built only where traces are wanted."""

import json
from collections.abc import Awaitable
from typing import Any, Final

from msgspec.structs import replace

from ambassador_server.domain.audit.events import Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.catalog.mcps import Mcp
from ambassador_server.domain.policy.decision import Decision, Deny, Permit
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.domain.shared.large_documents import LARGE
from ambassador_server.domain.shared.running_request import running_request
from ambassador_server.errors import AmbassadorError, failure_reason
from ambassador_server.ports.exchange import Reply
from ambassador_server.ports.tracing import Span, SpanKind, Tracer
from ambassador_server.services.calls.capability_call import Answered, CapabilityCall
from ambassador_server.services.calls.catalog_index import CatalogEntry
from ambassador_server.services.calls.downstream_calls import Lent
from ambassador_server.services.calls.in_flight import CallInFlight, CallStoppedError
from ambassador_server.services.calls.pipeline import CallPipeline

_NAMED: Final = {
    CapabilityKind.TOOL: "gen_ai.tool.name",
    CapabilityKind.PROMPT: "gen_ai.prompt.name",
    CapabilityKind.RESOURCE: "mcp.resource.uri",
}
_LONGEST_NAME: Final = 256
_LARGEST_ERROR: Final = 16 * 1024
_TOOL_ERROR: Final = "tool_error"
_FAILED: Final = "failed"
_TRANSPORTS: Final = {"stdio": "pipe"}


class TracedPipeline(CallPipeline):
    """Does what the pipeline does; no span holds arguments, results or messages."""

    def __init__(self, tracer: Tracer, **parts: Any) -> None:
        super().__init__(**parts)
        self._tracer = tracer

    async def call(self, call: CapabilityCall) -> Answered | Deny:
        """Run one call, or return why it is denied, in a span whose parent the call's `_meta` may name."""
        attributes = {
            "mcp.method.name": call.method,
            "ambassador.request.id": call.origin.request_id,
            "client.address": call.origin.address,
            "user.id": call.principal.user_id,
            **_operation(call, call.name),
        }
        if call.principal.session_id is not None:
            attributes["session.id"] = call.principal.session_id
        meta = call.members.get("_meta", b"")
        name = _span_name(call, call.name)
        with self._tracer.span(name, SpanKind.SERVER, attributes, meta=meta) as span:
            running = running_request()
            if running is not None:
                running.trace_id = span.trace_id
            try:
                answer = await super().call(call)
            except AmbassadorError as error:
                span.fail(_error_type(error))
                raise
            if isinstance(answer, Deny):
                span.note({"ambassador.decision": "deny"})
                span.fail(answer.reason)
            else:
                span.note({"ambassador.mcp": answer.mcp_name})
                self._note_answer(span, answer.reply)
            return answer

    def _decide(self, call: CapabilityCall, entry: CatalogEntry | None) -> Decision:
        version = self._policy.snapshot.version
        with self._tracer.span("decide", SpanKind.INTERNAL, {"ambassador.policy.version": version}) as span:
            decision = super()._decide(call, entry)
            if isinstance(decision, Permit):
                span.note({"ambassador.decision": "permit", "ambassador.grant.id": decision.grant_id})
            else:
                span.note({"ambassador.decision": "deny", "ambassador.reason": decision.reason})
            return decision

    async def _forward(
        self,
        call: CapabilityCall,
        entry: CatalogEntry,
        mcp: Mcp,
        lent: Lent | None,
        resource: Resource,
        running: CallInFlight,
    ) -> tuple[Answered | AmbassadorError, Awaitable[None]]:
        if call.serve is not None:
            return await super()._forward(call, entry, mcp, lent, resource, running)
        own_name = entry.ref.name.removeprefix(f"{mcp.name}.")
        attributes = {
            "mcp.method.name": call.method,
            "ambassador.mcp": mcp.name,
            "network.transport": _TRANSPORTS.get(mcp.transport, "tcp"),
            **_operation(call, own_name),
        }
        with self._tracer.span(_span_name(call, own_name), SpanKind.CLIENT, attributes) as span:
            if self._tracer.propagates:
                meta = span.carried_by(call.members.get("_meta", b""))
                call = replace(call, members={**call.members, "_meta": meta})
            try:
                outcome, recorded = await super()._forward(call, entry, mcp, lent, resource, running)
            except CallStoppedError as stopped:
                span.fail(stopped.deny.reason)
                raise
            if isinstance(outcome, AmbassadorError):
                span.fail(_error_type(outcome))
            else:
                self._note_answer(span, outcome.reply)
            return outcome, recorded

    def _note_answer(self, span: Span, reply: Reply) -> None:
        if reply.result is None:
            code = _error_code(reply.error or b"")
            span.fail("error" if code is None else str(code))
            if code is not None:
                span.note({"rpc.response.status_code": str(code)})
        # Not looked into a large one again: the audit has it.
        elif len(reply.result) <= LARGE and self._is_error(reply.result):
            span.fail(_TOOL_ERROR)


def _error_type(error: AmbassadorError) -> str:
    """Return the reason that the audit has, or the name of the class where that says no more than that it failed."""
    reason = failure_reason(error)
    return type(error).__name__ if reason == _FAILED else reason


def _span_name(call: CapabilityCall, name: str) -> str:
    # A URI is chosen by the host, so there may be any number of them.
    return call.method if call.kind is CapabilityKind.RESOURCE else f"{call.method} {_shown(name)}"


def _operation(call: CapabilityCall, name: str) -> dict[str, str]:
    found = {_NAMED[call.kind]: _shown(name)}
    return found | ({"gen_ai.operation.name": "execute_tool"} if call.method == "tools/call" else {})


def _shown(name: str) -> str:
    """Return a name that a caller or a downstream chose, without secrets and not too long."""
    return mask_text(name[:_LONGEST_NAME])


def _error_code(error: bytes) -> int | None:
    if len(error) > _LARGEST_ERROR:
        return None
    try:
        code = json.loads(error)["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if isinstance(code, int) and abs(code) < 2**31 else None
