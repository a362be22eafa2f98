"""The audit actions of calls: one for each kind of capability and each step of a call."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from ambassador_server.domain.audit.events import AuditAction
from ambassador_server.domain.catalog.capabilities import CapabilityKind


class CallStep(StrEnum):
    """What is recorded of a call; a question and its answer may come several times between attempt and outcome."""

    ATTEMPT = "attempt"
    OUTCOME = "outcome"
    DENY = "deny"
    QUESTION = "question"
    ANSWER = "answer"


CALL_ACTIONS: Final[Mapping[CallStep, Mapping[str, AuditAction]]] = {
    step: {kind: AuditAction(f"call:{kind.value}:{step.value}") for kind in CapabilityKind}
    for step in CallStep
}
"""The action of a step, by the kind of the capability, which is the kind of the event's resource, too."""


def every_action(steps: Iterable[CallStep]) -> tuple[AuditAction, ...]:
    """Return the actions of these steps for capabilities of every kind."""
    return tuple(action for step in steps for action in CALL_ACTIONS[step].values())
