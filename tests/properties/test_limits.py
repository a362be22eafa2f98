"""Counters of limits: no window has more calls than rate, time and burst allow, and every call that ends leaves."""

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.policy.limits import AppliedLimit, Measure
from ambassador_server.throttling.limit_counters import LimitCountersInMemory
from tests.conformance.store_samples import limit
from tests.fakes.clock import ManualClock

RATE = limit(1, value=30, burst=5)
DAILY = limit(2, measure=Measure.CALLS_PER_DAY, value=4, burst=None)
AT_ONCE = limit(3, measure=Measure.IN_FLIGHT, value=2, burst=None)
SUBJECTS = st.sampled_from(["", "u1", "u2", "u3"])
STEPS = st.floats(0, 40, allow_nan=False)


def counters_at(clock: ManualClock, most: int = 100) -> LimitCountersInMemory:
    return LimitCountersInMemory(monotonic=clock.monotonic, now=clock.now, most=most)


@given(st.integers(1, 600), st.integers(1, 50), st.lists(STEPS, max_size=80))
def test_no_window_has_more_calls_than_the_rate_and_the_burst_allow(rate, burst, steps):
    clock = ManualClock()
    counters, bounded = counters_at(clock), limit(value=rate, burst=burst)
    times: list[float] = []
    for step in steps:
        clock.advance(step / 10)
        attempts = [counters.enter([AppliedLimit(bounded, "u1")]) for _ in range(3)]
        times += [clock.monotonic()] * attempts.count(None)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            allowed = burst + rate / 60 * (times[last] - start)
            assert last - first + 1 <= allowed + 1e-6


@given(st.integers(1, 600), st.integers(1, 50), st.integers(1, 60))
def test_a_refused_call_may_come_after_the_time_that_it_was_told(rate, burst, more):
    clock = ManualClock()
    counters, applied = counters_at(clock), [AppliedLimit(limit(value=rate, burst=burst), "u1")]
    for _ in range(burst):
        assert counters.enter(applied) is None
    for _ in range(more):
        waiting = counters.enter(applied)
        assert waiting is not None
        assert 1 <= waiting.seconds <= math.ceil(60 / rate)
    clock.advance(waiting.seconds)
    assert counters.enter(applied) is None


@given(st.lists(st.tuples(SUBJECTS, STEPS), max_size=60), st.integers(0, 3))
def test_a_counter_that_was_forgotten_gives_nothing_back(calls, most):
    """With room for fewer counters than callers, nobody gets more than with room for all."""
    clock = ManualClock()
    roomy, narrow = counters_at(clock), counters_at(clock, most)
    total: Counter[str] = Counter()
    for subject, step in calls:
        clock.advance(step / 10)
        for bounded in (RATE, DAILY):
            applied = [AppliedLimit(bounded, subject)]
            free, bound = roomy.enter(applied) is None, narrow.enter(applied) is None
            total[f"{bounded.name} {subject}"] += bound - free
            # Who gets a bucket after having shared one has a new one, at most once while it is in use.
            assert total[f"{bounded.name} {subject}"] <= (0 if bounded is DAILY else RATE.burst)
        assert len(narrow) <= 2 * most + 2


@given(st.lists(st.tuples(st.booleans(), SUBJECTS), max_size=80))
def test_calls_in_flight_are_counted_exactly_until_they_leave(steps):
    counters, running = counters_at(ManualClock()), Counter[str]()
    for enters, subject in steps:
        applied = [AppliedLimit(AT_ONCE, subject)]
        if enters:
            entered = counters.enter(applied) is None
            assert entered == (running[subject] < AT_ONCE.value)
            running[subject] += entered
        elif running[subject]:
            counters.leave(applied)
            running[subject] -= 1
    for subject, count in running.items():
        for _ in range(count):
            counters.leave([AppliedLimit(AT_ONCE, subject)])
    assert len(counters) == 0


@given(st.lists(st.integers(0, 40_000), max_size=40))
def test_a_day_has_no_more_calls_than_its_limit(steps):
    clock = ManualClock()
    counters, per_day = counters_at(clock), Counter()
    for step in steps:
        clock.advance(step)
        waiting = counters.enter([AppliedLimit(DAILY, "u1")])
        if waiting is None:
            per_day[clock.now().date()] += 1
        else:
            midnight = clock.now() + timedelta(seconds=waiting.seconds)
            assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
    assert all(count <= DAILY.value for count in per_day.values())


def test_a_clock_that_is_set_back_gives_nothing():
    clock = ManualClock()
    counters = counters_at(clock)
    for bounded, most in ((RATE, 5), (DAILY, 4)):
        applied = [AppliedLimit(bounded, "u1")]
        clock.advance(1000)
        assert [counters.enter(applied) for _ in range(most)] == [None] * most
        clock.advance(-1000)
        assert counters.enter(applied) is not None


def test_a_call_that_one_limit_refuses_is_counted_in_none():
    clock = ManualClock()
    counters = counters_at(clock)
    both = [AppliedLimit(replace(RATE, burst=1), ""), AppliedLimit(DAILY, ""), AppliedLimit(AT_ONCE, "")]
    assert counters.enter(both) is None
    for _ in range(20):
        assert counters.enter(both) is not None
    for _ in range(3):
        assert counters.enter(both[1:2]) is None
    counters.leave(both)
    assert [counters.enter(both[2:]) for _ in range(2)] == [None, None]


async def test_the_fullest_counters_come_first_and_changed_limits_count_as_they_are_now():
    clock = ManualClock()
    counters = counters_at(clock)
    for subject, calls in (("u1", 1), ("u2", 4)):
        for _ in range(calls):
            assert counters.enter([AppliedLimit(RATE, subject)]) is None
    assert counters.enter([AppliedLimit(AT_ONCE, "")]) is None
    assert counters.enter([AppliedLimit(DAILY, "u1")]) is None
    limits = {each.limit_id: each for each in (RATE, AT_ONCE)}
    found = await counters.fullest(limits, 2)
    assert [(each.limit.name, each.subject, each.used) for each in found] == [
        ("limit-1", "u2", 4),
        ("limit-3", "", 1),
    ]
    clock.advance(60)
    assert [each.limit.name for each in await counters.fullest(limits, 10)] == ["limit-3"]
