"""Makes counts of events count a call once, although its attempt, its questions and its outcome are events each."""

from typing import Final

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.events import Outcome
from ambassador_server.domain.audit.query import And, Attribute, Is, Like, Not, OneOf, Or, Query, all_of
from ambassador_server.domain.shared.globs import glob_matches

_PARTS: Final = (CallStep.ATTEMPT, CallStep.QUESTION, CallStep.ANSWER)
"""What is recorded of a call besides the event with which it ends, `call:tool:outcome` or `call:tool:deny`."""
_ENDS: Final = (Outcome.SUCCEEDED, Outcome.FAILED)

DECISIONS: Final[Query] = And(
    (
        OneOf(Attribute.OUTCOME, (Outcome.PERMITTED, Outcome.DENIED)),
        Not(OneOf(Attribute.ACTION, tuple(CALL_ACTIONS[CallStep.QUESTION].values()))),
    )
)
"""The events that record a decision; that of a permitted call is its attempt."""


def once_per_call(query: Query) -> Query:
    """Return the query without the parts of a call that come before its end, if it can find the end of a call.

    This holds for the calls of each kind of capability by itself: a query for the attempts of tools and the outcomes
    of prompts finds both. One that finds no end, such as `action=call:tool:attempt` or `decision=permit`, stays as it
    is.
    """
    parts = [
        CALL_ACTIONS[step][kind]
        for kind, outcome in CALL_ACTIONS[CallStep.OUTCOME].items()
        if any(_finds(query, outcome, end) is not False for end in _ENDS)
        for step in _PARTS
    ]
    return all_of(query, Not(OneOf(Attribute.ACTION, tuple(parts)))) if parts else query


def _finds(query: Query, action: str, outcome: str) -> bool | None:
    """Tell whether the query finds events with this action and outcome; None if it depends on other attributes."""
    known = {Attribute.ACTION: action, Attribute.OUTCOME: outcome}
    match query:
        case Not(part):
            found = _finds(part, action, outcome)
            return None if found is None else not found
        case And(parts):
            each = {_finds(part, action, outcome) for part in parts}
            return False if False in each else None if None in each else True
        case Or(parts):
            each = {_finds(part, action, outcome) for part in parts}
            return True if True in each else None if None in each else False
        case Is(attribute, value) if attribute in known:
            return known[attribute] == value
        case Like(attribute, glob) if attribute in known:
            return glob_matches(glob, known[attribute])
        case _:
            return None
