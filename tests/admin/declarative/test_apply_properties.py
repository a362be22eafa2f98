"""Properties of every plan: no call is permitted on the way only, it is idempotent, other owners are unaffected."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ambassador_admin.declarative.objects import CurrentObject, DesiredState, ObjectKind
from ambassador_admin.declarative.operations import Action, batches
from ambassador_admin.declarative.plan import Plan, make_plan
from tests.admin.declarative.server_model import (
    NOW,
    OURS,
    THEIRS,
    access,
    apply,
    draw_desired_state,
    draw_state,
)
from tests.effort import examples


def draw_scenario(seed: int) -> tuple[list[CurrentObject], DesiredState]:
    random = Random(seed)
    state = draw_state(random)
    return state, draw_desired_state(random, state)


STATES = st.integers(0, 2**64).map(lambda seed: draw_state(Random(seed)))
SCENARIOS = st.integers(0, 2**64).map(draw_scenario)


def plan_for(scenario: tuple[list[CurrentObject], DesiredState], *, prune: bool) -> Plan:
    state, desired = scenario
    plan = make_plan(desired, state, now=NOW, prune=prune, take_over=True)
    assert plan.conflicts == ()
    return plan


@examples(500)
@given(SCENARIOS, st.booleans(), st.integers(1, 4))
def test_no_moment_permits_what_neither_the_start_nor_the_end_permits(scenario, prune, size):
    state, plan = scenario[0], plan_for(scenario, prune=prune)
    start, end = access(state, NOW), access(apply(state, plan.operations), NOW)
    for batch in batches(plan.operations, size):
        state = apply(state, batch)
        assert access(state, NOW) <= start | end


@given(SCENARIOS, st.booleans())
def test_a_second_apply_changes_nothing(scenario, prune):
    state, desired = scenario
    after = apply(state, plan_for(scenario, prune=prune).operations)
    again = make_plan(desired, after, now=NOW, prune=prune, take_over=True)
    assert (again.conflicts, again.operations) == ((), ())


@given(SCENARIOS, st.booleans(), st.data())
def test_the_next_apply_completes_an_interrupted_one(scenario, prune, data):
    state, desired = scenario
    operations = plan_for(scenario, prune=prune).operations
    interrupted = apply(state, operations[: data.draw(st.integers(0, len(operations)))])
    resumed = make_plan(desired, interrupted, now=NOW, prune=prune, take_over=True)
    assert resumed.conflicts == ()
    assert are_equal(apply(interrupted, resumed.operations), apply(state, operations))


@given(SCENARIOS)
def test_prune_removes_only_objects_of_its_owner(scenario):
    state, plan = scenario[0], plan_for(scenario, prune=True)
    after = apply(state, plan.operations)
    for each in state:
        if each.owner in (THEIRS, None) and each.owner != OURS:
            named = any((want.kind, want.key) == (each.kind, each.key) for want in scenario[1].objects)
            assert named or each in after
    assert all(each.owner == OURS for each in plan.operations if each.action is Action.REMOVE)


@given(SCENARIOS)
def test_without_prune_only_replaced_grants_are_removed(scenario):
    removed = [each for each in plan_for(scenario, prune=False).operations if each.action is Action.REMOVE]
    assert {each.kind for each in removed} <= {ObjectKind.GRANT}
    wanted = {each.key[:3] for each in scenario[1].objects if each.kind is ObjectKind.GRANT}
    assert {each.key[:3] for each in removed} <= wanted


@given(STATES)
def test_a_file_without_an_owner_prunes_nothing(state):
    desired = DesiredState((), frozenset({None}))
    assert make_plan(desired, state, now=NOW, prune=True).operations == ()


def are_equal(left: list[CurrentObject], right: list[CurrentObject]) -> bool:
    return sorted(map(repr, left)) == sorted(map(repr, right))
