"""Builds audit events and appends them to the log."""

import hashlib
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any, Final

from msgspec.structs import replace

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import (
    DEFINITION_PENDING,
    SYSTEM,
    Actor,
    AuditAction,
    AuditEvent,
    Outcome,
    Resource,
)
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.domain.policy.decision import Deny
from ambassador_server.domain.secrets.redaction import redact_details
from ambassador_server.domain.secrets.shapes import mask_text
from ambassador_server.ports.audit_log import AuditLog
from ambassador_server.ports.clock import Clock
from ambassador_server.services.audit.counted_calls import CallCounts

_TOOLS_CALL: Final = "tools/call"
# Looked up once here, because the records of a call are on the path of every call.
_ATTEMPT: Final = CALL_ACTIONS[CallStep.ATTEMPT]
_OUTCOME: Final = CALL_ACTIONS[CallStep.OUTCOME]
_DENY: Final = CALL_ACTIONS[CallStep.DENY]
_QUESTION: Final = CALL_ACTIONS[CallStep.QUESTION]
_ANSWER: Final = CALL_ACTIONS[CallStep.ANSWER]

# Names may contain secrets, too. The same few names and principals come with every call, so the result is cached.
_masked_name = lru_cache(maxsize=4096)(mask_text)
_LONGEST_CACHED: Final = 512
"""A host chooses the URIs that it reads, so a cache of long ones would be as large as it likes."""


def _masked_actor(actor: Actor) -> Actor:
    name = None if actor.name is None else _masked_name(actor.name)
    key_name = None if actor.key_name is None else _masked_name(actor.key_name)
    if (name, key_name) == (actor.name, actor.key_name):
        return actor
    return replace(actor, name=name, key_name=key_name)


def _masked_resource(resource: Resource) -> Resource:
    name = resource.name
    if name is None:
        return resource
    masked = _masked_name(name) if len(name) <= _LONGEST_CACHED else mask_text(name)
    return resource if masked == name else replace(resource, name=masked)


@lru_cache(maxsize=4096)
def _masked_user(principal: Principal) -> Actor:
    return _masked_actor(user_actor(principal))


class Recorder:
    """Appends events to the log; each method returns an awaitable that ends when the operating system has the record.

    It masks secrets in names and details. The arguments of a call are an exception: the caller redacts them, as the
    policy of the MCP says. The kind of the resource of a call, which is a tool, a resource or a prompt, chooses the
    action. `method` is the protocol's method; it is recorded unless it is `tools/call`. `counts` has the numbers of the
    calls that were recorded.
    """

    def __init__(self, *, log: AuditLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self.counts = CallCounts()

    def attempt(
        self,
        principal: Principal,
        origin: Origin,
        resource: Resource,
        grant_id: str,
        *,
        arguments: Any,
        size: int,
        method: str | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Awaitable[None]:
        """Record a permitted call before it is sent; `arguments` are redacted, `size` is their size in bytes.

        `more` are details about the credential of the user and the approval, if the call uses these, and the digest of
        a definition that waits for an approval.
        """
        details: dict[str, Any] = {"grant": grant_id, "arguments": arguments, "arguments_bytes": size}
        if method is not None and method != _TOOLS_CALL:
            details["method"] = method
        reason = None
        if more is not None:
            details |= more
            reason = DEFINITION_PENDING if "definition" in more else None
        return self._call(
            _ATTEMPT[resource.kind],
            Outcome.PERMITTED,
            principal,
            origin,
            resource,
            reason=reason,
            details=details,
        )

    def denied(
        self,
        principal: Principal,
        origin: Origin,
        resource: Resource,
        deny: Deny,
        *,
        method: str | None = None,
    ) -> Awaitable[None]:
        """Record a denied call; a call that was stopped in flight has an attempt on record, too."""
        self.counts.denied(resource, deny.reason)
        details: dict[str, Any] = {}
        if deny.switch is not None:
            details["switch"] = deny.switch.switch_id
        if deny.limit is not None:
            details["limit"] = deny.limit.name
            if deny.limit.wait_seconds is not None:
                details["wait_seconds"] = deny.limit.wait_seconds
        if deny.grant_id is not None:
            details["grant"] = deny.grant_id
        if deny.approval is not None:
            details["approval"] = deny.approval.fault
            if deny.approval.request_id is not None:
                details["approval_request"] = deny.approval.request_id
        if deny.refused is not None:
            details["argument"] = deny.refused.name
            details["rule"] = deny.refused.rule or deny.refused.fault
        if method is not None and method != _TOOLS_CALL:
            details["method"] = method
        return self._call(
            _DENY[resource.kind],
            Outcome.DENIED,
            principal,
            origin,
            resource,
            reason=deny.reason,
            details=details,
        )

    def answered(
        self,
        principal: Principal,
        origin: Origin,
        resource: Resource,
        *,
        seconds: float,
        result: bytes,
        failed: bool,
    ) -> Awaitable[None]:
        """Record the answer of a call: size and digest of the result, never its content."""
        self.counts.answered(resource, seconds, failed=failed)
        details = {
            "milliseconds": round(seconds * 1000, 3),
            "result_bytes": len(result),
            "result_sha256": hashlib.sha256(result).hexdigest(),
            "is_error": failed,
        }
        outcome = Outcome.FAILED if failed else Outcome.SUCCEEDED
        return self._call(_OUTCOME[resource.kind], outcome, principal, origin, resource, details=details)

    def failed(
        self, principal: Principal, origin: Origin, resource: Resource, *, seconds: float, reason: str
    ) -> Awaitable[None]:
        """Record that a call got no answer, and why."""
        self.counts.failed(resource, seconds, reason)
        details = {"milliseconds": round(seconds * 1000, 3)}
        return self._call(
            _OUTCOME[resource.kind],
            Outcome.FAILED,
            principal,
            origin,
            resource,
            reason=reason,
            details=details,
        )

    def question(
        self, principal: Principal, origin: Origin, resource: Resource, method: str
    ) -> Awaitable[None]:
        """Record a question of a downstream before the host sees it: its method, never its content."""
        return self._call(
            _QUESTION[resource.kind],
            Outcome.PERMITTED,
            principal,
            origin,
            resource,
            details={"method": method},
        )

    def question_answered(
        self, principal: Principal, origin: Origin, resource: Resource, method: str, *, refused: bool
    ) -> Awaitable[None]:
        """Record that the host answered a question, with a result or with an error."""
        outcome = Outcome.FAILED if refused else Outcome.SUCCEEDED
        return self._call(
            _ANSWER[resource.kind], outcome, principal, origin, resource, details={"method": method}
        )

    def event(
        self,
        action: AuditAction,
        outcome: Outcome,
        *,
        actor: Actor = SYSTEM,
        resource: Resource,
        origin: Origin | None = None,
        reason: str | None = None,
        session_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Awaitable[None]:
        """Record anything that is not a call, and refusals of calls that no decision is about."""
        return self._append(
            action,
            outcome,
            actor=_masked_actor(actor),
            resource=resource,
            origin=origin,
            reason=reason,
            session_id=session_id,
            details=redact_details(details) if details else {},
        )

    def _call(
        self,
        action: AuditAction,
        outcome: Outcome,
        principal: Principal,
        origin: Origin,
        resource: Resource,
        *,
        reason: str | None = None,
        details: Mapping[str, Any],
    ) -> Awaitable[None]:
        return self._append(
            action,
            outcome,
            actor=_masked_user(principal),
            resource=resource,
            origin=origin,
            reason=reason,
            session_id=principal.session_id,
            details=details,
        )

    def _append(
        self,
        action: AuditAction,
        outcome: Outcome,
        *,
        actor: Actor,
        resource: Resource,
        origin: Origin | None,
        reason: str | None,
        session_id: str | None,
        details: Mapping[str, Any],
    ) -> Awaitable[None]:
        return self._log.append(
            AuditEvent(
                at=self._clock.now(),
                action=action,
                outcome=outcome,
                actor=actor,
                resource=_masked_resource(resource),
                reason=reason,
                request_id=None if origin is None else origin.request_id,
                session_id=session_id,
                source=None if origin is None else origin.address,
                details=details,
            )
        )
