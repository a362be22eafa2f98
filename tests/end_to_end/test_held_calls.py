"""Users whose many calls all wait for their answers at the same time: none is lost, and none gets another's answer."""

import asyncio
import random
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest

from tests.effort import SOAK
from tests.end_to_end.conftest import GENEROUS
from tests.end_to_end.held_calls import HeldCall
from tests.end_to_end.world import Downstream, Person, World, running
from tests.patience import PATIENCE
from tests.rig import Rig

USERS = min(100, 5 * SOAK)
CALLS = 30
ROUNDS = 2
_AT_ONCE = 64
_INVALID_PARAMS = -32602

T = TypeVar("T")


@pytest.fixture(scope="module")
def world(directory: Path, prepared: Rig, tools: Downstream) -> Iterator[World]:
    with running(directory, prepared, limits=GENEROUS) as started:
        started.publish("tools", "streamable_http", {"url": tools.url})
        yield started


async def bounded(work: Iterable[Awaitable[T]]) -> list[T]:
    """Await all, some at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Awaitable[T]) -> T:
        async with room:
            return await each

    return await asyncio.gather(*map(one, work))


def connected(world: World) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        world.rig.client_url,
        connector=aiohttp.TCPConnector(limit=_AT_ONCE),
        timeout=aiohttp.ClientTimeout(total=PATIENCE),
        trust_env=False,
    )


def token(call: HeldCall, turn: int) -> str:
    return f"{call.arguments['about']} in round {turn}"


def assert_asked(call: HeldCall, body: Any, turn: int) -> None:
    """Assert that the answer is the question of this round about this call."""
    assert call.questions, body
    (question,) = call.questions.values()
    assert f"Delete {call.arguments['about']} ({turn})?" in question["params"]["message"], body
    assert call.state


async def play(calls: list[HeldCall], shuffled: random.Random) -> None:
    """Begin every call, then answer every question of one round after the other, each in an order of its own."""
    for call, body in zip(calls, await bounded(call.begin() for call in calls), strict=True):
        assert_asked(call, body, 1)
    for turn in range(1, ROUNDS + 1):
        shuffled.shuffle(calls)
        bodies = await bounded(call.answer({"sure": token(call, turn)}) for call in calls)
        for call, body in zip(calls, bodies, strict=True):
            if turn < ROUNDS:
                assert_asked(call, body, turn + 1)
            else:
                answers = body["result"]["structuredContent"]["answers"]
                assert [each["content"]["sure"] for each in answers] == [
                    token(call, number) for number in range(1, ROUNDS + 1)
                ]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [20260728])
async def test_no_call_is_lost_and_no_answer_reaches_another(world: World, seed: int):
    people = [world.person() for _ in range(USERS)]
    async with connected(world) as http:
        calls = [
            HeldCall(
                http, person.key, "tools__confirm", {"rounds": ROUNDS, "about": f"{person.name}/{number}"}
            )
            for person in people
            for number in range(CALLS)
        ]
        await play(calls, random.Random(seed))
    recorded = await asyncio.to_thread(world.events, user=people[0].name, action="call:tool:outcome")
    assert len(recorded) == CALLS


def held(http: aiohttp.ClientSession, person: Person, about: str) -> HeldCall:
    return HeldCall(http, person.key, "tools__confirm", {"rounds": ROUNDS, "about": about})


async def test_the_state_of_a_call_is_of_no_use_to_others_nor_twice(world: World):
    owner, stranger = world.person(), world.person()
    async with connected(world) as http:
        call, other = held(http, owner, "mine"), held(http, stranger, "mine")
        assert_asked(call, await call.begin(), 1)
        first = call.state
        other.questions, other.state = call.questions, first
        assert (await other.answer({"sure": "stolen"}))["error"]["code"] == _INVALID_PARAMS
        changed = held(http, owner, "another")
        changed.questions, changed.state = call.questions, first
        assert (await changed.answer({"sure": "changed"}))["error"]["code"] == _INVALID_PARAMS
        assert_asked(call, await call.answer({"sure": "yes"}), 2)
        again = held(http, owner, "mine")
        again.questions, again.state = call.questions, first
        assert (await again.answer({"sure": "replayed"}))["error"]["code"] == _INVALID_PARAMS
        body = await call.answer({"sure": "sure"})
        answers = body["result"]["structuredContent"]["answers"]
        assert [each["content"]["sure"] for each in answers] == ["yes", "sure"]


async def test_a_call_whose_answer_is_missing_is_asked_again(world: World):
    async with connected(world) as http:
        call = held(http, world.person(), "it")
        assert_asked(call, await call.begin(), 1)
        body = await call.send({"inputResponses": {}, "requestState": call.state})
        assert_asked(call, body, 1)
        assert_asked(call, await call.answer({"sure": "yes"}), 2)
