"""The only writer of audit events: what happened, to whom, on whose behalf."""

import hashlib
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import (
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

# People put secrets into names, too. The same few names come again with every call.
_name = lru_cache(maxsize=4096)(mask_text)


def _masked_actor(actor: Actor) -> Actor:
    name = None if actor.name is None else _name(actor.name)
    key_name = None if actor.key_name is None else _name(actor.key_name)
    if (name, key_name) == (actor.name, actor.key_name):
        return actor
    return replace(actor, name=name, key_name=key_name)


def _masked_resource(resource: Resource) -> Resource:
    name = None if resource.name is None else _name(resource.name)
    return resource if name == resource.name else replace(resource, name=name)


class Recorder:
    """Builds events and hands them to the log; every method returns an awaitable that ends when the system has them.

    Secrets are masked here, in names and in details, whoever says them. Only what a call's arguments may keep was
    decided before, by the policy of its MCP.
    """

    def __init__(self, *, log: AuditLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def attempt(
        self,
        principal: Principal,
        origin: Origin,
        tool: Resource,
        grant_id: str,
        *,
        arguments: Any,
        size: int,
    ) -> Awaitable[None]:
        """Record a permitted call before the downstream sees it: of its arguments what is kept, and their bytes."""
        return self._call(
            AuditAction.CALL_ATTEMPT,
            Outcome.PERMITTED,
            principal,
            origin,
            tool,
            details={"grant": grant_id, "arguments": arguments, "arguments_bytes": size},
        )

    def denied(self, principal: Principal, origin: Origin, tool: Resource, deny: Deny) -> Awaitable[None]:
        """Record a refused call; it is this call's only record, or the second one of a call stopped in flight."""
        details: dict[str, Any] = {}
        if deny.switch is not None:
            details["switch"] = deny.switch.switch_id
        if deny.grant_id is not None:
            details["grant"] = deny.grant_id
        return self._call(
            AuditAction.CALL_DENY,
            Outcome.DENIED,
            principal,
            origin,
            tool,
            reason=deny.reason,
            details=details,
        )

    def answered(
        self,
        principal: Principal,
        origin: Origin,
        tool: Resource,
        *,
        seconds: float,
        result: bytes,
        failed: bool,
    ) -> Awaitable[None]:
        """Record what came back: size and digest of the result, never its body."""
        details = {
            "milliseconds": round(seconds * 1000, 3),
            "result_bytes": len(result),
            "result_sha256": hashlib.sha256(result).hexdigest(),
            "is_error": failed,
        }
        outcome = Outcome.FAILED if failed else Outcome.SUCCEEDED
        return self._call(AuditAction.CALL_OUTCOME, outcome, principal, origin, tool, details=details)

    def failed(
        self, principal: Principal, origin: Origin, tool: Resource, *, seconds: float, reason: str
    ) -> Awaitable[None]:
        """Record that no result came back, and why."""
        details = {"milliseconds": round(seconds * 1000, 3)}
        return self._call(
            AuditAction.CALL_OUTCOME, Outcome.FAILED, principal, origin, tool, reason=reason, details=details
        )

    def question(self, principal: Principal, origin: Origin, tool: Resource, method: str) -> Awaitable[None]:
        """Record a question of a downstream before the host sees it: its method, never its content."""
        return self._call(
            AuditAction.CALL_QUESTION,
            Outcome.PERMITTED,
            principal,
            origin,
            tool,
            details={"method": method},
        )

    def question_answered(
        self, principal: Principal, origin: Origin, tool: Resource, method: str, *, refused: bool
    ) -> Awaitable[None]:
        """Record that the host answered a question, with a result or with an error."""
        outcome = Outcome.FAILED if refused else Outcome.SUCCEEDED
        return self._call(
            AuditAction.CALL_ANSWER, outcome, principal, origin, tool, details={"method": method}
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
        """Record anything that is not a tool call."""
        return self._append(
            action,
            outcome,
            actor=actor,
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
        tool: Resource,
        *,
        reason: str | None = None,
        details: Mapping[str, Any],
    ) -> Awaitable[None]:
        return self._append(
            action,
            outcome,
            actor=user_actor(principal),
            resource=tool,
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
                actor=_masked_actor(actor),
                resource=_masked_resource(resource),
                reason=reason,
                request_id=None if origin is None else origin.request_id,
                session_id=session_id,
                source=None if origin is None else origin.address,
                details=details,
            )
        )
