"""Whatever a query finds of a call, counting finds one event of it."""

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.call_counting import once_per_call
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.query import And, Attribute, Is, Like, Not, Or, Query, matches
from tests.conformance.store_samples import event
from tests.effort import examples

CALL = [
    event(action=AuditAction.CALL_ATTEMPT, outcome=Outcome.PERMITTED),
    event(action=AuditAction.CALL_QUESTION, outcome=Outcome.PERMITTED),
    event(action=AuditAction.CALL_ANSWER, outcome=Outcome.SUCCEEDED),
    event(action=AuditAction.CALL_OUTCOME, outcome=Outcome.SUCCEEDED),
]
leaves = st.one_of(
    st.builds(Is, st.just(Attribute.ACTION), st.sampled_from([each.action.value for each in CALL])),
    st.builds(Is, st.just(Attribute.OUTCOME), st.sampled_from([outcome.value for outcome in Outcome])),
    st.builds(
        Like, st.sampled_from([Attribute.ACTION, Attribute.OUTCOME]), st.sampled_from(["*", "call:*", "x*"])
    ),
    st.builds(Is, st.just(Attribute.ACTOR_NAME), st.sampled_from(["alice", "nobody"])),
)
queries: st.SearchStrategy[Query] = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=6,
)


@examples(150)
@given(queries)
def test_end_of_a_call_is_never_counted_beside_its_parts(query: Query) -> None:
    found = [each for each in CALL if matches(query, each)]
    counted = [each for each in CALL if matches(once_per_call(query), each)]
    if CALL[-1] in found:
        assert counted == [CALL[-1]]
    else:
        assert set(map(id, counted)) <= set(map(id, found))


def test_query_for_attempts_counts_attempts() -> None:
    for query in (
        Is(Attribute.ACTION, AuditAction.CALL_ATTEMPT),
        Is(Attribute.OUTCOME, Outcome.PERMITTED),
        And((Is(Attribute.ACTOR_NAME, "alice"), Like(Attribute.ACTION, "*:attempt"))),
        Not(Or((Is(Attribute.OUTCOME, Outcome.SUCCEEDED), Is(Attribute.OUTCOME, Outcome.FAILED)))),
    ):
        assert once_per_call(query) == query
