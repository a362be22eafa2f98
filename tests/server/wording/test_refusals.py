"""What a user is told of a denial: every reason that a user may learn has a text, and no other reason shows."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ambassador_server.domain.catalog.capabilities import CapabilityKind
from ambassador_server.domain.policy.decision import UNKNOWN, Deny, Reason
from ambassador_server.domain.policy.switches import KillSwitch, SwitchScope
from ambassador_server.wording.refusals import refusal_text, told_reason

NEVER_DISCLOSED = {
    Reason.MCP_NOT_PUBLISHED,
    Reason.EXPLICIT_DENY,
    Reason.NO_GRANT,
    *UNKNOWN.values(),
}
SWITCH = KillSwitch(
    switch_id="s1",
    scope=SwitchScope.EVERYONE,
    target=None,
    target_name=None,
    reason="incident 12",
    message=None,
    author="root",
    drill=False,
    created_at=datetime(2026, 7, 28, tzinfo=UTC),
    expires_at=None,
    lifted_at=None,
    lifted_by=None,
)


@pytest.mark.parametrize("kind", CapabilityKind)
@pytest.mark.parametrize("reason", Reason)
def test_a_denial_that_is_not_disclosed_reads_as_that_of_something_unknown(
    reason: Reason, kind: CapabilityKind
):
    unknown, denied = Deny(UNKNOWN[kind]), Deny(reason, SWITCH, "grant")
    text = f"Unknown {kind.value}: git__log"
    assert refusal_text(denied, "git__log", kind) == refusal_text(unknown, "git__log", kind) == text
    assert told_reason(denied, kind) is told_reason(unknown, kind) is UNKNOWN[kind]


@pytest.mark.parametrize("reason", sorted(set(Reason) - NEVER_DISCLOSED - {Reason.KILL_SWITCH}))
def test_a_disclosed_denial_names_the_tool_and_its_reason(reason: Reason):
    deny = Deny(reason, disclosed=True)
    text = refusal_text(deny, "git__log")
    assert {told_reason(deny, kind) for kind in CapabilityKind} == {reason}
    assert text.startswith("git__log is refused: ")
    assert f"({reason})" in text
    assert text.endswith(".")


@pytest.mark.parametrize(("message", "told"), [("Back at noon.", "Back at noon."), (None, "incident 12")])
def test_a_kill_switch_tells_its_message_or_its_reason(message: str | None, told: str):
    stopped = Deny(Reason.KILL_SWITCH, replace(SWITCH, message=message), disclosed=True)
    assert refusal_text(stopped, "git__log") == f"git__log is stopped by an administrator: {told}"
