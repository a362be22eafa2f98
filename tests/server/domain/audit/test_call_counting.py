"""Whatever a query finds of a call of any kind, counting finds one event of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.call_actions import CALL_ACTIONS, CallStep
from ambassador_server.domain.audit.call_counting import DECISIONS, once_per_call
from ambassador_server.domain.audit.events import AuditAction, Outcome
from ambassador_server.domain.audit.query import And, Attribute, Is, Like, Not, Or, Query, matches
from ambassador_server.domain.catalog.capabilities import CapabilityKind
from tests.conformance.store_samples import answered_call
from tests.effort import examples

CALLS = [answered_call(kind) for kind in CapabilityKind]
leaves = st.one_of(
    st.builds(
        Is, st.just(Attribute.ACTION), st.sampled_from([each.action.value for call in CALLS for each in call])
    ),
    st.builds(Is, st.just(Attribute.RESOURCE_KIND), st.sampled_from([kind.value for kind in CapabilityKind])),
    st.builds(Is, st.just(Attribute.OUTCOME), st.sampled_from([outcome.value for outcome in Outcome])),
    st.builds(
        Like,
        st.sampled_from([Attribute.ACTION, Attribute.OUTCOME]),
        st.sampled_from(["*", "call:*", "call:prompt:*", "*:outcome", "x*"]),
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
    counting = once_per_call(query)
    for call in CALLS:
        found = [each for each in call if matches(query, each)]
        counted = [each for each in call if matches(counting, each)]
        if call[-1] in found:
            assert counted == [call[-1]]
        else:
            assert set(map(id, counted)) <= set(map(id, found))


def test_every_call_is_one_decision() -> None:
    for call in CALLS:
        assert [each for each in call if matches(DECISIONS, each)] == call[:1]


@pytest.mark.parametrize("attempt", CALL_ACTIONS[CallStep.ATTEMPT].values())
def test_query_for_attempts_counts_attempts(attempt: AuditAction) -> None:
    for query in (
        Is(Attribute.ACTION, attempt),
        Is(Attribute.OUTCOME, Outcome.PERMITTED),
        And((Is(Attribute.ACTOR_NAME, "alice"), Like(Attribute.ACTION, "*:attempt"))),
        Not(Or((Is(Attribute.OUTCOME, Outcome.SUCCEEDED), Is(Attribute.OUTCOME, Outcome.FAILED)))),
    ):
        assert once_per_call(query) == query


def test_attempts_of_one_kind_are_counted_beside_the_ends_of_another() -> None:
    query = Or(
        (
            Is(Attribute.ACTION, AuditAction.CALL_ATTEMPT),
            Like(Attribute.ACTION, "call:resource:*"),
        )
    )
    counted = [each.action for call in CALLS for each in call if matches(once_per_call(query), each)]
    assert counted == [AuditAction.CALL_ATTEMPT, AuditAction.RESOURCE_OUTCOME]
