"""Refuses what a client key does too fast; the audit counts the refusals, so that they cannot flood it."""

from typing import NoReturn

from ambassador_server.domain.audit.actors import user_actor
from ambassador_server.domain.audit.events import RATE_LIMITED, AuditAction, Outcome, Resource
from ambassador_server.domain.people.principals import Origin, Principal
from ambassador_server.errors import RateLimitedError
from ambassador_server.ports.throttle import RateRefusal
from ambassador_server.services.audit.recorder import Recorder


async def refuse_for_rate(
    recorder: Recorder,
    refused: RateRefusal,
    action: AuditAction,
    *,
    principal: Principal,
    origin: Origin,
    resource: Resource,
    does: str,
) -> NoReturn:
    """Record the refusals that no record has counted yet, and raise RateLimitedError; `does` says what the key does."""
    if refused.to_record:
        await recorder.event(
            action,
            Outcome.DENIED,
            actor=user_actor(principal),
            resource=resource,
            origin=origin,
            reason=RATE_LIMITED,
            session_id=principal.session_id,
            details={"refusals": refused.to_record},
        )
    wait = refused.wait_seconds
    raise RateLimitedError(f"This key {does} too fast; try again in {wait} s", retry_after=wait)
