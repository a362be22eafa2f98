"""Breakers of users' connections are recorded, but however they flap, not more than a log can bear."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.audit.events import AuditAction, AuditEvent
from ambassador_server.domain.catalog.mcps import BreakerState, DownstreamStatus
from ambassador_server.ports.downstream import DownstreamChange
from ambassador_server.services.audit.recorder import Recorder
from ambassador_server.services.registry.breaker_events import MOST_IN_A_PERIOD, PERIOD_SECONDS, BreakerEvents
from tests.server.services.world import World

OPEN, CLOSED = BreakerState.OPEN, BreakerState.CLOSED


class Recorded:
    """Breakers that open and close, and the events of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._events = BreakerEvents(
            policy=world.policy, recorder=Recorder(log=world.log, clock=world.clock), clock=world.clock
        )

    def tell(self, state: BreakerState, user_id: str | None = None) -> None:
        change = DownstreamChange(
            mcp_id="m1",
            status=DownstreamStatus.DEGRADED,
            error="gone",
            tools=(),
            tools_changed=False,
            breaker=state,
            user_id=user_id,
        )
        self._events.record(change, state)

    async def events(self) -> list[AuditEvent]:
        await asyncio.sleep(0)  # records that nobody waits for are written at the end of this turn
        return [event for event in self.world.log.events if event.action.startswith("system:breaker")]

    async def details(self) -> list[dict[str, Any]]:
        return [dict(event.details) for event in await self.events()]


@pytest.fixture
async def recorded() -> Recorded:
    return Recorded(await World.build())


async def test_every_change_of_an_mcps_own_connection_is_recorded(recorded: Recorded) -> None:
    for _ in range(50):
        recorded.tell(OPEN)
        recorded.tell(CLOSED)
    assert [event.action for event in await recorded.events()] == [
        AuditAction.BREAKER_OPEN,
        AuditAction.BREAKER_CLOSE,
    ] * 50
    assert (await recorded.details())[:2] == [{"error": "gone"}, {}]
    assert (await recorded.events())[0].resource.name == "git"


async def test_a_user_whose_breaker_flaps_is_recorded_once_in_a_period(recorded: Recorded) -> None:
    for _ in range(100):
        recorded.tell(OPEN, "u1")
        recorded.tell(CLOSED, "u1")
    assert await recorded.details() == [{"error": "gone", "user": "alice"}, {"user": "alice"}]
    recorded.world.clock.advance(PERIOD_SECONDS)
    recorded.tell(OPEN, "u1")
    assert (await recorded.details())[2:] == [{"error": "gone", "user": "alice", "left_out": 99}]


async def test_of_many_users_the_first_are_recorded_and_the_others_counted(recorded: Recorded) -> None:
    users = [f"user-{number}" for number in range(1000)]
    for user in users:
        recorded.tell(OPEN, user)
    recorded.tell(OPEN)
    for user in users:
        recorded.tell(CLOSED, user)
    opened = [each for each in await recorded.events() if each.action is AuditAction.BREAKER_OPEN]
    assert [event.details.get("user") for event in opened] == [*users[:MOST_IN_A_PERIOD], None]
    assert len(await recorded.events()) == 2 * MOST_IN_A_PERIOD + 1


@given(st.lists(st.tuples(st.sampled_from([OPEN, CLOSED, 10.0]), st.integers(0, 15)), max_size=120))
def test_events_are_bounded_pairs_whatever_happens(steps: list[tuple[Any, int]]) -> None:
    asyncio.run(_check_bounds(steps))


async def _check_bounds(steps: list[tuple[Any, int]]) -> None:
    recorded, seconds, openings = Recorded(await World.build()), 0.0, 0
    for step, user in steps:
        if step == 10.0:
            recorded.world.clock.advance(step)
            seconds += step
        else:
            openings += step is OPEN
            recorded.tell(step, f"user-{user}")
    found = await recorded.events()
    opened = [each for each in found if each.action is AuditAction.BREAKER_OPEN]
    assert len(opened) <= MOST_IN_A_PERIOD * (1 + seconds // PERIOD_SECONDS)
    assert len(opened) + sum(each.details.get("left_out", 0) for each in opened) <= openings
    last: dict[str, AuditAction] = {}
    for event in found:
        user = event.details["user"]
        if event.action is AuditAction.BREAKER_CLOSE:
            assert last.get(user) is AuditAction.BREAKER_OPEN
        last[user] = event.action
