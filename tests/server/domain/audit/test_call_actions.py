"""Each step of a call has an action of its own for each kind of capability, and a trace tells how such a call ended."""

import pytest

from ambassador_protocol.admin.enumerations import AUDIT_ACTIONS
from ambassador_server.domain.audit.call_actions import CallStep, every_action
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.request_summary import summarise
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from tests.conformance.store_samples import call_event


def test_every_action_of_a_call_has_its_kind_and_step():
    calls = [action for action in AuditAction if action.startswith("call:")]
    assert sorted(every_action(CallStep)) == sorted(calls)
    assert AUDIT_ACTIONS.words == tuple(action.value for action in AuditAction)


@pytest.mark.parametrize("kind", CapabilityKind)
def test_a_trace_summarises_a_call_of_any_kind(kind: CapabilityKind):
    attempt = call_event(kind, CallStep.ATTEMPT, Outcome.PERMITTED, details={"grant": "g1"})
    question = call_event(kind, CallStep.QUESTION, Outcome.PERMITTED)
    running = summarise([attempt, question])
    assert (running.decision, running.is_open, running.grant_id) == ("permit", True, "g1")

    ended = call_event(
        kind, CallStep.OUTCOME, Outcome.FAILED, reason="cancelled", details={"milliseconds": 2.5}
    )
    done = summarise([attempt, question, ended])
    assert (done.decision, done.is_open, done.outcome) == ("permit", False, Outcome.FAILED)
    assert (done.reason, done.milliseconds) == ("cancelled", 2.5)

    stopped = call_event(kind, CallStep.DENY, Outcome.DENIED, reason="kill_switch", details={"switch": "s1"})
    denied = summarise([attempt, stopped])
    assert (denied.decision, denied.is_open, denied.switch_id) == ("deny", False, "s1")
