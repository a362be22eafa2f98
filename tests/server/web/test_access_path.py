"""Every reason for a denial, and every scope of a kill switch, has the step of the path where it denies the call."""

from ambassador_server.domain.policy.decision import Reason
from ambassador_server.domain.policy.switches import SwitchScope
from ambassador_server.web.admin.access_path import END_OF_REASON, END_OF_SWITCH


def test_every_reason_and_scope_has_its_step() -> None:
    assert set(END_OF_REASON) == set(Reason) - {Reason.KILL_SWITCH}
    assert set(END_OF_SWITCH) == set(SwitchScope)
