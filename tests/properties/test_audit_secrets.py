"""No event contains a planted secret: in names, details, refused tools, and arguments under any policy."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.audit_log.event_json import encode_event
from ambassador_server.domain.audit.events import Actor, ActorKind, AuditAction, Outcome, Resource
from ambassador_server.domain.catalog.mcps import ArgumentPolicy
from ambassador_server.domain.people.principals import Principal
from ambassador_server.domain.policy.decision import Deny, Reason
from ambassador_server.domain.secrets.redaction import redact
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.properties.test_redaction import OWN_KEYS, SHAPED, core_of, planted
from tests.server.services.world import ORIGIN

MASKING = [policy for policy in ArgumentPolicy if policy is not ArgumentPolicy.FULL]


async def record(secret: str, details: dict[str, Any], policy: ArgumentPolicy) -> list[bytes]:
    """Record the secret everywhere and return the lines."""
    log = FakeAuditLog()
    recorder = Recorder(log=log, clock=ManualClock())
    named = f"a {secret} "
    actor = Actor(kind=ActorKind.ADMIN, id="a1", name=named, key_name=named)
    principal = Principal(user_id="u1", user_name=named, key_id="k1", key_name=named, session_id="s1")
    tool = Resource(kind="tool", id=None, name=named)
    await recorder.event(
        AuditAction.USER_UPDATE, Outcome.SUCCEEDED, actor=actor, resource=tool, origin=ORIGIN, details=details
    )
    await recorder.denied(principal, ORIGIN, tool, Deny(Reason.UNKNOWN_TOOL))
    arguments = redact(details, policy)
    await recorder.attempt(principal, ORIGIN, tool, "g1", arguments=arguments, size=1)
    return [encode_event(event) for event in log.events]


@given(secret=SHAPED, policy=st.sampled_from(MASKING), data=st.data())
def test_no_event_holds_a_planted_secret(secret: str, policy: ArgumentPolicy, data: st.DataObject):
    details = {"before": data.draw(planted(st.just(f" {secret} ")))}
    for line in asyncio.run(record(secret, details, policy)):
        assert core_of(secret).encode() not in line


@given(secret=OWN_KEYS, data=st.data())
def test_no_event_holds_a_key_of_ours_under_any_policy(secret: str, data: st.DataObject):
    details = {"before": data.draw(planted(st.just(f" {secret} ")))}
    for line in asyncio.run(record(secret, details, ArgumentPolicy.FULL)):
        assert secret.encode() not in line
