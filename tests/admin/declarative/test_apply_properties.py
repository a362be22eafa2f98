"""Laws of every apply: never wider than both ends, the second does nothing, nobody else's is touched."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ambassador_admin.declarative.objects import CurrentObject, DesiredState, ObjectKind
from ambassador_admin.declarative.operations import Action, batches
from ambassador_admin.declarative.plan import Plan, make_plan
from tests.admin.declarative.server_model import NOW, OURS, THEIRS, access, done, draw_declaration, draw_state


def draw_world(seed: int) -> tuple[list[CurrentObject], DesiredState]:
    random = Random(seed)
    state = draw_state(random)
    return state, draw_declaration(random, state)


STATES = st.integers(0, 2**64).map(lambda seed: draw_state(Random(seed)))
WORLDS = st.integers(0, 2**64).map(draw_world)


def plan_for(world: tuple[list[CurrentObject], DesiredState], *, prune: bool) -> Plan:
    state, desired = world
    plan = make_plan(desired, state, now=NOW, prune=prune, take_over=True)
    assert plan.conflicts == ()
    return plan


@settings(max_examples=1000, deadline=None)
@given(WORLDS, st.booleans(), st.integers(1, 4))
def test_no_moment_permits_what_neither_the_start_nor_the_end_permits(world, prune, size):
    state, plan = world[0], plan_for(world, prune=prune)
    start, end = access(state, NOW), access(done(state, plan.operations), NOW)
    for batch in batches(plan.operations, size):
        state = done(state, batch)
        assert access(state, NOW) <= start | end


@given(WORLDS, st.booleans())
def test_applying_twice_is_applying_once(world, prune):
    state, desired = world
    after = done(state, plan_for(world, prune=prune).operations)
    again = make_plan(desired, after, now=NOW, prune=prune, take_over=True)
    assert (again.conflicts, again.operations) == ((), ())


@given(WORLDS, st.booleans(), st.data())
def test_an_apply_that_broke_off_anywhere_is_completed_by_the_next(world, prune, data):
    state, desired = world
    operations = plan_for(world, prune=prune).operations
    broken = done(state, operations[: data.draw(st.integers(0, len(operations)))])
    resumed = make_plan(desired, broken, now=NOW, prune=prune, take_over=True)
    assert resumed.conflicts == ()
    assert same(done(broken, resumed.operations), done(state, operations))


@given(WORLDS)
def test_prune_touches_nothing_that_is_not_its_own(world):
    state, plan = world[0], plan_for(world, prune=True)
    after = done(state, plan.operations)
    for each in state:
        if each.owner in (THEIRS, None) and each.owner != OURS:
            named = any((want.kind, want.key) == (each.kind, each.key) for want in world[1].objects)
            assert named or each in after
    assert all(each.owner == OURS for each in plan.operations if each.action is Action.REMOVE)


@given(WORLDS)
def test_without_prune_nothing_ends_but_grants_that_others_replace(world):
    removed = [each for each in plan_for(world, prune=False).operations if each.action is Action.REMOVE]
    assert {each.kind for each in removed} <= {ObjectKind.GRANT}
    wanted = {each.key[:3] for each in world[1].objects if each.kind is ObjectKind.GRANT}
    assert {each.key[:3] for each in removed} <= wanted


@given(STATES)
def test_nobody_without_a_label_prunes(state):
    desired = DesiredState((), frozenset({None}))
    assert make_plan(desired, state, now=NOW, prune=True).operations == ()


def same(left: list[CurrentObject], right: list[CurrentObject]) -> bool:
    return sorted(map(repr, left)) == sorted(map(repr, right))
