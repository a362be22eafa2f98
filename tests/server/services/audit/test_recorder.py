"""A call of any kind of capability is recorded with the actions of its kind, and with its method."""

import asyncio
import tracemalloc
from collections.abc import Awaitable

import pytest

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import AuditEvent, Outcome, Resource
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import UNKNOWN, Deny
from ambassador_server.services.audit.recorder import Recorder
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import ManualClock
from tests.server.services.world import ORIGIN
from tests.server.worlds import PRINCIPAL

METHODS = [
    (CapabilityKind.TOOL, "tools/call"),
    (CapabilityKind.RESOURCE, "resources/read"),
    (CapabilityKind.RESOURCE, "resources/subscribe"),
    (CapabilityKind.RESOURCE, "completion/complete"),
    (CapabilityKind.PROMPT, "prompts/get"),
    (CapabilityKind.PROMPT, "completion/complete"),
]


async def record_everything(kind: CapabilityKind, method: str | None) -> list[AuditEvent]:
    """Record every step of a call and return the events; the answer comes before the failure."""
    log = FakeAuditLog()
    recorder = Recorder(log=log, clock=ManualClock())
    call = (PRINCIPAL, ORIGIN, Resource(kind=kind, id="m1", name="git.read"))
    await recorder.attempt(*call, "g1", arguments={"n": 1}, size=7, method=method)
    await recorder.question(*call, "sampling/createMessage")
    await recorder.question_answered(*call, "sampling/createMessage", refused=True)
    await recorder.answered(*call, seconds=0.5, result=b"{}", failed=False)
    await recorder.failed(*call, seconds=0.5, reason="cancelled")
    await recorder.denied(*call, Deny(UNKNOWN[kind]), method=method)
    return log.events


@pytest.mark.parametrize(("kind", "method"), METHODS)
async def test_every_step_has_the_action_of_its_kind(kind: CapabilityKind, method: str):
    events = await record_everything(kind, method)
    assert [(event.action, event.outcome) for event in events] == [
        (CALL_ACTIONS[CallStep.ATTEMPT][kind], Outcome.PERMITTED),
        (CALL_ACTIONS[CallStep.QUESTION][kind], Outcome.PERMITTED),
        (CALL_ACTIONS[CallStep.ANSWER][kind], Outcome.FAILED),
        (CALL_ACTIONS[CallStep.OUTCOME][kind], Outcome.SUCCEEDED),
        (CALL_ACTIONS[CallStep.OUTCOME][kind], Outcome.FAILED),
        (CALL_ACTIONS[CallStep.DENY][kind], Outcome.DENIED),
    ]
    assert {(event.resource.kind, event.resource.name) for event in events} == {(kind, "git.read")}
    assert events[-1].reason == f"unknown_{kind.value}"


@pytest.mark.parametrize(("kind", "method"), METHODS)
async def test_method_is_recorded_unless_it_is_the_only_one_of_its_kind(kind: CapabilityKind, method: str):
    attempt, question, answer, *_, denied = await record_everything(kind, method)
    recorded = None if method == "tools/call" else method
    assert [event.details.get("method") for event in (attempt, denied)] == [recorded] * 2
    assert {event.details["method"] for event in (question, answer)} == {"sampling/createMessage"}
    assert (attempt.details["grant"], attempt.details["arguments_bytes"]) == ("g1", 7)
    nameless = await record_everything(kind, None)
    assert [event.details.get("method") for event in (nameless[0], nameless[-1])] == [None] * 2


async def test_secrets_in_the_uri_of_a_resource_are_masked():
    log = FakeAuditLog()
    uri = "https://files.example/report?token=ghp_" + "Planted0" * 5
    resource = Resource(kind=CapabilityKind.RESOURCE, id="m1", name=uri)
    await Recorder(log=log, clock=ManualClock()).attempt(
        PRINCIPAL, ORIGIN, resource, "g1", arguments=None, size=0, method="resources/read"
    )
    name = log.events[0].resource.name
    assert name is not None
    assert name.startswith("https://files.example/report")
    assert "Planted0" not in name


class DiscardingLog:
    """A log that keeps nothing."""

    async def append(self, event: AuditEvent) -> None:
        await asyncio.sleep(0)


async def test_long_uris_that_a_host_chooses_are_not_kept_in_memory():
    recorder, length = Recorder(log=DiscardingLog(), clock=ManualClock()), 8192

    def read(number: int) -> Awaitable[None]:
        resource = Resource(
            kind=CapabilityKind.RESOURCE, id="m1", name=f"repo://{number}/".ljust(length, "a")
        )
        return recorder.attempt(PRINCIPAL, ORIGIN, resource, "g1", arguments=None, size=0)

    await read(0)
    tracemalloc.start()
    try:
        for number in range(1, 400):
            await read(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100 * length
