"""Makes counts of events count a call once, although its attempt, its questions and its outcome are events each."""

from typing import Final

from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.query import And, Attribute, Is, Like, Not, OneOf, Or, Query, all_of
from ambassador_server.domain.shared.globs import glob_matches

_PARTS: Final = (AuditAction.CALL_ATTEMPT, AuditAction.CALL_QUESTION, AuditAction.CALL_ANSWER)
"""What is recorded of a call besides the event with which it ends, `call:tool:outcome` or `call:tool:deny`."""

DECISIONS: Final[Query] = And(
    (
        OneOf(Attribute.OUTCOME, (Outcome.PERMITTED, Outcome.DENIED)),
        Not(Is(Attribute.ACTION, AuditAction.CALL_QUESTION)),
    )
)
"""The events that record a decision; that of a permitted call is its attempt."""


def once_per_call(query: Query) -> Query:
    """Return the query without the parts of a call that come before its end, if it can find the end of a call.

    A query that cannot, such as `action=call:tool:attempt` or `decision=permit`, stays as it is.
    """
    ends = (Outcome.SUCCEEDED, Outcome.FAILED)
    if all(_finds(query, AuditAction.CALL_OUTCOME, outcome) is False for outcome in ends):
        return query
    return all_of(query, Not(OneOf(Attribute.ACTION, _PARTS)))


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
