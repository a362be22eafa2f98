"""The deadline of a call stands still while the host answers, and the call counts as in flight only otherwise."""

import asyncio

import pytest

from ambassador_server.downstream.deadline import Deadline
from ambassador_server.ports.exchange import Ask, NeutralRequest, Question, Reply
from tests.patience import PATIENCE

QUESTION = Question("elicitation/create", b"{}")
ANSWER = Reply(result=b"{}", error=None)


class Busy:
    """Counts the calls in flight, and keeps every count."""

    def __init__(self) -> None:
        self.seen = [1]

    @property
    def in_flight(self) -> int:
        return self.seen[-1]

    @in_flight.setter
    def in_flight(self, calls: int) -> None:
        self.seen.append(calls)


def asking(deadline: Deadline, host: Ask) -> Ask:
    request = NeutralRequest(method="tools/call", params=b"{}", ask=host)
    wrapped = deadline.stopped_by_questions(request).ask
    assert wrapped is not None
    return wrapped


async def test_a_call_that_is_not_answered_ends_at_its_deadline():
    busy = Busy()
    with pytest.raises(TimeoutError):
        async with Deadline(0.01, busy):
            await asyncio.sleep(PATIENCE)
    assert busy.in_flight == 1


async def test_the_time_of_the_host_does_not_count():
    busy, asked, go_on = Busy(), asyncio.Event(), asyncio.Event()

    async def host(_: Question) -> Reply:
        asked.set()
        await go_on.wait()
        return ANSWER

    async def call() -> Reply:
        deadline = Deadline(0.05, busy)
        async with deadline:
            return await asking(deadline, host)(QUESTION)

    running = asyncio.create_task(call())
    await asked.wait()
    assert busy.in_flight == 0
    # Longer than the deadline: a timer that ran would have fired.
    await asyncio.sleep(0.1)
    assert not running.done()
    go_on.set()
    assert await running == ANSWER
    assert busy.in_flight == 1


async def test_after_the_answer_the_deadline_runs_again():
    busy = Busy()

    async def host(_: Question) -> Reply:
        return ANSWER

    async def call() -> None:
        deadline = Deadline(0.01, busy)
        async with deadline:
            await asking(deadline, host)(QUESTION)
            await asyncio.sleep(PATIENCE)

    with pytest.raises(TimeoutError):
        await call()
    assert busy.seen == [1, 0, 1]


async def test_it_stands_still_until_the_last_of_several_answers():
    busy, events = Busy(), [asyncio.Event() for _ in range(3)]
    hosts = iter(events)

    async def host(_: Question) -> Reply:
        await next(hosts).wait()
        return ANSWER

    deadline = Deadline(0.05, busy)
    async with deadline:
        ask = asking(deadline, host)
        questions = [asyncio.create_task(ask(QUESTION)) for _ in events]
        for event in events:
            await asyncio.sleep(0.03)
            assert busy.in_flight == 0
            event.set()
        await asyncio.gather(*questions)
    assert busy.seen == [1, 0, 1]


async def test_a_call_that_ends_with_open_questions_counts_right():
    busy, forever = Busy(), asyncio.Event()

    async def host(_: Question) -> Reply:
        await forever.wait()
        return ANSWER

    deadline = Deadline(PATIENCE, busy)
    async with deadline:
        question = asyncio.create_task(asking(deadline, host)(QUESTION))
        await asyncio.sleep(0)
    question.cancel()
    await asyncio.wait({question})
    assert busy.in_flight == 1
    assert await asking(deadline, lambda _: _answered())(QUESTION) == ANSWER
    assert busy.in_flight == 1


async def _answered() -> Reply:
    return ANSWER
