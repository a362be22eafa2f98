"""Builds audit events and appends them to the log."""

import hashlib
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

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

# Names may contain secrets, too. The same few names and principals come with every call, so the result is cached.
_masked_name = lru_cache(maxsize=4096)(mask_text)


def _masked_actor(actor: Actor) -> Actor:
    name = None if actor.name is None else _masked_name(actor.name)
    key_name = None if actor.key_name is None else _masked_name(actor.key_name)
    if (name, key_name) == (actor.name, actor.key_name):
        return actor
    return replace(actor, name=name, key_name=key_name)


def _masked_resource(resource: Resource) -> Resource:
    name = None if resource.name is None else _masked_name(resource.name)
    return resource if name == resource.name else replace(resource, name=name)


@lru_cache(maxsize=4096)
def _masked_user(principal: Principal) -> Actor:
    return _masked_actor(user_actor(principal))


class Recorder:
    """Appends events to the log; each method returns an awaitable that ends when the operating system has the record.

    It masks secrets in names and details. The arguments of a call are an exception: the caller redacts them, as the
    policy of the MCP says.
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
        """Record a permitted call before it is sent; `arguments` are redacted, `size` is their size in bytes."""
        return self._call(
            AuditAction.CALL_ATTEMPT,
            Outcome.PERMITTED,
            principal,
            origin,
            tool,
            details={"grant": grant_id, "arguments": arguments, "arguments_bytes": size},
        )

    def denied(self, principal: Principal, origin: Origin, tool: Resource, deny: Deny) -> Awaitable[None]:
        """Record a denied call; a call that was stopped in flight has an attempt on record, too."""
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
        """Record the answer of a call: size and digest of the result, never its content."""
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
        """Record that a call got no answer, and why."""
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
        tool: Resource,
        *,
        reason: str | None = None,
        details: Mapping[str, Any],
    ) -> Awaitable[None]:
        return self._append(
            action,
            outcome,
            actor=_masked_user(principal),
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
                actor=actor,
                resource=_masked_resource(resource),
                reason=reason,
                request_id=None if origin is None else origin.request_id,
                session_id=session_id,
                source=None if origin is None else origin.address,
                details=details,
            )
        )
